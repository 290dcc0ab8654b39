use rumormill_measure::{Epidemic, Variant};

use super::{
    Chart, VARIANTS_MAX, colour,
    frame::{Axis, Frame, percent, plain},
    scale::Scale,
};

/// Of an epidemic: rounds until shares of the nodes knew, with the theory beside them.
pub(crate) fn rounds(variants: &[Variant]) -> Option<Chart> {
    let all = variants.iter().take(VARIANTS_MAX).enumerate();
    let all: Vec<_> =
        all.filter_map(|(place, variant)| Some((place, variant, variant.epidemic.as_ref()?))).collect();
    let last = all
        .iter()
        .flat_map(|(.., epidemic)| measured(epidemic))
        .map(|(rounds, ..)| rounds)
        .fold(0.0, f64::max);
    if last <= 0.0 {
        return None;
    }
    let mut legend: Vec<_> =
        all.iter().map(|(place, variant, _)| (colour(*place), variant.name.clone())).collect();
    legend.push(("theory-dot".to_owned(), "theory".to_owned()));
    let chart = Chart {
        kind: "rounds",
        title: "Who knows the rumor".into(),
        caption: "Mean rounds until 50, 90, 99 and 100 % of the nodes knew, over the repetitions.".into(),
        legend,
        ..Chart::default()
    };
    Some(chart.drawn(|size| {
        let x = Axis { scale: Scale::up_to(last), label: plain, name: "rounds" };
        let y = Axis { scale: Scale::Linear(0.0, 1.0), label: percent, name: "nodes that know" };
        let mut frame = Frame::new(size, &x, &y);
        for (place, variant, epidemic) in &all {
            let points = measured(epidemic);
            frame.path(
                &format!("line {}", colour(*place)),
                points.iter().map(|&(rounds, share, ..)| (rounds, share)),
            );
            for (rounds, share, key) in points {
                let data = format!(
                    r#"data-variant="{place}" data-path="epidemic.{key}.mean" data-value="{rounds}""#
                );
                let title = format!("{}: {} after {} rounds", variant.name, percent(share), plain(rounds));
                let at = frame.at((rounds, share));
                frame.svg.dot(&format!("dot {}", colour(*place)), at, &title, &data);
            }
            let theory = &epidemic.theory;
            let theory =
                [theory.rounds_to_50, theory.rounds_to_90, theory.rounds_to_99, theory.rounds_to_100];
            for (rounds, share) in theory.into_iter().zip([0.5, 0.9, 0.99, 1.0]) {
                if let Some(rounds) = rounds {
                    let at = frame.at((rounds, share));
                    frame.svg.dot("theory-dot", at, &format!("theory: {} rounds", plain(rounds)), "");
                }
            }
        }
        frame.svg.finish("curve: rounds until shares of the nodes knew")
    }))
}

/// Rounds, the share that knew by then, and the figure's name.
fn measured(epidemic: &Epidemic) -> Vec<(f64, f64, &'static str)> {
    [
        (&epidemic.rounds_to_50, 0.5, "rounds_to_50"),
        (&epidemic.rounds_to_90, 0.9, "rounds_to_90"),
        (&epidemic.rounds_to_99, 0.99, "rounds_to_99"),
        (&epidemic.rounds_to_100, 1.0, "rounds_to_100"),
    ]
    .into_iter()
    .filter(|(rounds, ..)| rounds.reached > 0)
    .map(|(rounds, share, key)| (rounds.mean, share, key))
    .collect()
}
