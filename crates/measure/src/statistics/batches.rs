//! The noise of a rate, from how it changes in the course of one run.

/// The parts of the measured phase that are held against each other.
pub const BATCHES: usize = 10;

/// What was counted in one part of a run, all parts being equally long.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Batch {
    /// What the rate is of.
    pub amount: f64,
    /// Of it, what each write brings about.
    pub of_writes: f64,
    /// The writes that came of it.
    pub writes: f64,
}

/// The standard error of the sum of all batches, by the method of batch means (Law, Simulation Modeling and Analysis,
/// section 9.5.3), with what the number of writes changes taken out: it is known, so it is no noise. Each write is taken to bring about the same;
/// that is the ratio estimator (Cochran, Sampling Techniques, section 6.4). Nothing for fewer than two batches.
pub fn standard_error(batches: &[Batch]) -> Option<f64> {
    let n = batches.len() as f64;
    if batches.len() < 2 {
        return None;
    }
    let sum = |of: fn(&Batch) -> f64| batches.iter().map(of).sum::<f64>();
    let (writes, of_writes) = (sum(|b| b.writes), sum(|b| b.of_writes));
    let each = if writes > 0.0 { of_writes / writes } else { 0.0 };
    let without = |batch: &Batch| batch.amount - each * batch.writes;
    let mean = batches.iter().map(without).sum::<f64>() / n;
    let variance = batches.iter().map(|batch| (without(batch) - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some((n * variance).sqrt())
}

/// A rate as it would have been with `usual` writes instead of `writes`, where `of_writes` of it is brought about by them.
pub fn total_without(rate: f64, of_writes: f64, writes: f64, usual: f64) -> f64 {
    if writes > 0.0 && usual > 0.0 { rate + of_writes * (usual / writes - 1.0) } else { rate }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn independent_parts_have_the_error_of_their_sum() {
        let batches = [10.0, 12.0, 8.0, 10.0].map(|amount| Batch { amount, ..Batch::default() });
        // The variance of one is 8/3, of the sum of four 32/3.
        let error = standard_error(&batches).expect("four batches");
        assert!((error - (32.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(standard_error(&batches[..1]), None);
    }

    #[test]
    fn what_the_number_of_writes_explains_is_no_noise() {
        let batches = [3.0, 1.0, 5.0, 2.0].map(|writes| {
            let of_writes = writes * 700.0;
            Batch { amount: of_writes + 50.0, of_writes, writes }
        });
        assert!(standard_error(&batches).is_some_and(|error| error < 1e-9));
        assert_eq!(total_without(1_150.0, 1_100.0, 11.0, 10.0), 1_050.0);
        assert_eq!(total_without(50.0, 0.0, 0.0, 10.0), 50.0);
    }
}
