use rand::RngExt;
use rumormill_protocol::Random;

/// Losses in rows, after Gilbert: in one state all packets are lost, in the other none, and between two packets the
/// state may change.
#[derive(Debug)]
pub(super) struct Bursts {
    enter: f64,
    leave: f64,
    losing: bool,
}

impl Bursts {
    /// The chain whose long-run share of losses is `loss` and whose rows of losses are `burst` long on average, but
    /// no shorter than those of independent losses. It begins in its long run.
    pub(super) fn new(loss: f64, burst: f64, random: &mut Random) -> Self {
        let leave = (1.0 - loss).min(1.0 / burst);
        let enter = if loss < 1.0 { leave * loss / (1.0 - loss) } else { 1.0 };
        Self { enter, leave, losing: chance(loss, random) }
    }

    /// Whether the next packet is lost.
    pub(super) fn next(&mut self, random: &mut Random) -> bool {
        let change = if self.losing { self.leave } else { self.enter };
        self.losing ^= chance(change, random);
        self.losing
    }
}

/// True with this probability. What cannot happen draws nothing.
pub(super) fn chance(probability: f64, random: &mut Random) -> bool {
    probability > 0.0 && random.random::<f64>() < probability
}
