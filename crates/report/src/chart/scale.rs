/// How values lie along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Evenly from one value to the other.
    Linear(f64, f64),
    /// Each factor takes the same room; both ends are above 0.
    Log(f64, f64),
    /// Shares below 1: each further nine takes the same room, up to so many of them. HdrHistogram's axis of percentiles.
    Nines(f64),
}

impl Scale {
    /// From 0 to a largest value.
    pub(super) fn up_to(largest: f64) -> Self {
        Self::Linear(0.0, if largest > 0.0 { largest * 1.05 } else { 1.0 })
    }

    /// Around values that change little against what they are, so that the change shows; from 0 where they change much.
    pub(super) fn around(smallest: f64, largest: f64) -> Self {
        let change = largest - smallest;
        if change > largest / 2.0 {
            return Self::up_to(largest);
        }
        let room = if change > 0.0 { change * 0.25 } else { largest.abs().max(1.0) * 0.1 };
        Self::Linear((smallest - room).max(0.0), largest + room)
    }

    /// A scale on which all of these show: even, or by factors where they are far apart.
    pub(super) fn of_times(smallest: f64, largest: f64) -> Self {
        if smallest > 0.0 && largest / smallest > 20.0 {
            Self::Log(smallest * 0.9, largest * 1.1)
        } else {
            Self::up_to(largest)
        }
    }

    /// Where a value lies, from 0 to 1; what is beyond an end lies there.
    pub(super) fn place(self, value: f64) -> f64 {
        let place = match self {
            Self::Linear(low, high) => (value - low) / (high - low),
            Self::Log(low, high) => (value.max(f64::MIN_POSITIVE) / low).ln() / (high / low).ln(),
            Self::Nines(most) => -(1.0 - value).max(0.0).log10() / most,
        };
        if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) }
    }

    /// The value that lies at a place: the inverse.
    pub(super) fn value(self, place: f64) -> f64 {
        match self {
            Self::Linear(low, high) => low + (high - low) * place,
            Self::Log(low, high) => low * (high / low).powf(place),
            Self::Nines(most) => 1.0 - 10.0_f64.powf(-place * most),
        }
    }

    /// Round values along it, about as many as asked for.
    pub(super) fn ticks(self, about: usize) -> Vec<f64> {
        match self {
            Self::Linear(low, high) => linear_ticks(low, high, about),
            Self::Log(low, high) => log_ticks(low, high, about),
            Self::Nines(most) => {
                let nines = (1..=most as i32).map(|nines| 1.0 - 10.0_f64.powi(-nines));
                [0.0, 0.5].into_iter().chain(nines).collect()
            }
        }
    }
}

fn linear_ticks(low: f64, high: f64, about: usize) -> Vec<f64> {
    let rough = (high - low) / about.max(1) as f64;
    let power = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().find(|&step| step >= rough * 0.999);
    let step = step.unwrap_or(power * 10.0);
    let first = (low / step).ceil();
    let count = ((high / step).floor() - first).max(0.0) as usize;
    (0..=count).map(|place| (first + place as f64) * step).collect()
}

fn log_ticks(low: f64, high: f64, about: usize) -> Vec<f64> {
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let of = |steps: &[f64]| -> Vec<f64> {
        let all = decades.clone().flat_map(|power| steps.iter().map(move |step| step * 10.0_f64.powi(power)));
        all.filter(|tick| (low * 0.999..=high * 1.001).contains(tick)).collect()
    };
    let all = [of(&[1.0, 2.0, 5.0]), of(&[1.0, 3.0]), of(&[1.0])];
    let fits = all.iter().position(|ticks| ticks.len() <= about + 1).unwrap_or(all.len() - 1);
    let ticks = &all[fits];
    if ticks.len() > about + 1 {
        let every = ticks.len().div_ceil(about.max(1));
        return ticks.iter().step_by(every).copied().collect();
    }
    if ticks.len() < 2 { all[0].clone() } else { ticks.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_and_its_value_are_inverse() {
        for scale in [Scale::Linear(-3.0, 9.0), Scale::Log(0.002, 40.0), Scale::Nines(4.0)] {
            for place in [0.0, 0.25, 0.7, 1.0] {
                assert!((scale.place(scale.value(place)) - place).abs() < 1e-9, "{scale:?} {place}");
            }
        }
        assert!((Scale::Nines(4.0).place(0.99) - 0.5).abs() < 1e-9);
        assert_eq!([Scale::Nines(4.0).place(1.0), Scale::Log(1.0, 2.0).place(-1.0)], [1.0, 0.0]);
    }

    #[test]
    fn ticks_are_round_and_few() {
        let near = |ticks: Vec<f64>, expected: &[f64]| {
            assert!(
                ticks.len() == expected.len()
                    && ticks.iter().zip(expected).all(|(one, two)| (one - two).abs() < 1e-9),
                "{ticks:?}"
            );
        };
        near(Scale::Linear(0.0, 10.5).ticks(5), &[0.0, 5.0, 10.0]);
        near(Scale::Linear(-7.0, 31.0).ticks(8), &[-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        near(Scale::Log(0.009, 1.1).ticks(4), &[0.01, 0.03, 0.1, 0.3, 1.0]);
        near(Scale::Log(0.009, 1.1).ticks(2), &[0.01, 0.1, 1.0]);
        near(Scale::Log(0.9, 12.0).ticks(6), &[1.0, 2.0, 5.0, 10.0]);
        near(Scale::Nines(3.0).ticks(9), &[0.0, 0.5, 0.9, 0.99, 0.999]);
    }
}
