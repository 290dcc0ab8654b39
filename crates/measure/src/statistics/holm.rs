//! Many questions at once.

/// The probabilities of many tests, each corrected so that asking all of them gives a false alarm no more often than
/// asking one: Holm (1979, Scandinavian Journal of Statistics 6). A test differs where its own is at most the level.
pub fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let mut corrected = vec![1.0; probabilities.len()];
    let mut largest: f64 = 0.0;
    for (done, &at) in order.iter().enumerate() {
        largest = largest.max(probabilities[at] * (probabilities.len() - done) as f64).min(1.0);
        corrected[at] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") gives 0.03 0.06 0.06 0.02.
    #[test]
    fn it_corrects_as_r_does() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (is, expected) in corrected.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((is - expected).abs() < 1e-12, "{corrected:?}");
        }
        assert_eq!(holm(&[]), Vec::<f64>::new());
        assert_eq!(holm(&[0.7, 0.9]), [1.0, 1.0]);
    }
}
