use std::time::Duration;

use rumormill_measure::Boot;

use crate::{Cluster, Scenario, Stamped, progress::Ticker, stop::Stop};

/// The shortest window over which traffic is compared.
const WINDOW_LEAST: Duration = Duration::from_secs(1);

/// Windows after which the run goes on, steady or not.
const WINDOWS_MAX: usize = 15;

/// Two windows in a row that differ by no more than this, relative to the larger, are steady.
const CHANGE_MAX: f64 = 0.1;

/// Below so many bytes a node and window there is no traffic to speak of: less than one packet of a probe.
const TINY_BYTES_PER_NODE: usize = 60;

/// Between two looks at whether the run is to end.
const SLICE: Duration = Duration::from_millis(200);

/// Waits until what the whole cluster sends is the same in two windows in a row, and says whether it came to that.
/// A window covers two protocol periods, so that each node's probes fall into each window alike.
pub(crate) fn settle(
    scenario: &Scenario,
    cluster: &mut dyn Cluster,
    ticker: &mut Ticker<'_>,
    report: &mut Boot,
    hear: &mut dyn FnMut(Stamped),
) -> Result<bool, Stop> {
    let window = WINDOW_LEAST.max(2 * scenario.node.protocol_period);
    let tiny = (cluster.nodes() * TINY_BYTES_PER_NODE) as u64;
    let began = cluster.now();
    let wire_bytes = |cluster: &mut dyn Cluster| -> Result<u64, Stop> {
        Ok(cluster.look()?.sent.wire_bytes(scenario.network.ip))
    };
    let mut sent = wire_bytes(cluster)?;
    let mut last = None;
    for _ in 0..WINDOWS_MAX {
        pass(cluster, ticker, window, hear)?;
        let total = wire_bytes(cluster)?;
        let now = total.saturating_sub(sent);
        sent = total;
        report.settle_seconds = (cluster.now() - began).as_secs_f64();
        if let Some(before) = last.replace(now) {
            let change = change(before, now);
            report.last_change = Some(change);
            if change <= CHANGE_MAX || before.max(now) < tiny {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Lets the run go on for a while in which nothing is done and nothing is recorded.
fn pass(
    cluster: &mut dyn Cluster,
    ticker: &mut Ticker<'_>,
    time: Duration,
    hear: &mut dyn FnMut(Stamped),
) -> Result<(), Stop> {
    let end = cluster.now() + time;
    while cluster.now() < end {
        ticker.check()?;
        let until = (cluster.now() + SLICE).min(end);
        cluster.advance_to(until)?;
        cluster.drain_events(hear);
        let now = cluster.now();
        if ticker.is_due(now) {
            let look = ticker.look(cluster)?;
            ticker.tick(now, &look);
        }
    }
    Ok(())
}

/// How much two windows differ, relative to the larger.
fn change(one: u64, two: u64) -> f64 {
    let larger = one.max(two);
    if larger == 0 { 0.0 } else { one.abs_diff(two) as f64 / larger as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_relative_to_the_larger_whichever_came_first() {
        assert_eq!([change(90, 100), change(100, 90), change(0, 5), change(0, 0)], [0.1, 0.1, 1.0, 0.0]);
    }
}
