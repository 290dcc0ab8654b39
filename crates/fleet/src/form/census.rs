use rumormill_lab::{Census, Interface, NodeCensus};
use rumormill_measure::{Histogram, Ledger};
use serde::{Deserialize, Serialize};

/// The counters of an agent's nodes, by what they are more than at the census before.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct CensusForm {
    nodes: Vec<Node>,
    lag: Vec<(u64, u64)>,
    drops: u64,
    interface: Option<(u64, u64, Option<String>)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Node {
    /// Places of counters, and how much more they are.
    more: Vec<(u8, u64)>,
    links_up: u32,
    links_pending: u32,
    alive: u32,
    messages_dropped: u64,
    crashed: bool,
}

/// Writes censuses one after the other.
#[derive(Debug, Default)]
pub(crate) struct CensusWriter {
    ledgers: Vec<Vec<u64>>,
    lag: Histogram,
}

impl CensusWriter {
    pub(crate) fn write(&mut self, census: Census) -> CensusForm {
        self.ledgers.resize(census.nodes.len(), Vec::new());
        let node = |(node, last): (NodeCensus, &mut Vec<u64>)| {
            let counts = node.ledger.counts();
            last.resize(counts.len(), 0);
            let more = counts.iter().zip(&*last).map(|(now, then)| now.saturating_sub(*then));
            let more = (0..).zip(more).filter(|&(_, more)| more > 0).collect();
            *last = counts;
            Node {
                more,
                links_up: node.links_up as u32,
                links_pending: node.links_pending as u32,
                alive: node.alive as u32,
                messages_dropped: node.messages_dropped,
                crashed: node.crashed,
            }
        };
        let nodes = census.nodes.into_iter().zip(&mut self.ledgers).map(node).collect();
        let lag = census.lag.since(&self.lag).entries();
        self.lag = census.lag;
        let interface = census.interface.map(|there| (there.wire_bytes, there.packets, there.others));
        CensusForm { nodes, lag, drops: census.kernel_drops, interface }
    }
}

/// Reads them, and keeps the last.
#[derive(Debug)]
pub(crate) struct CensusReader {
    pub(crate) last: Census,
}

impl CensusReader {
    pub(crate) fn new(nodes: usize) -> Self {
        let nodes = vec![NodeCensus::default(); nodes];
        Self { last: Census { nodes, ..Census::default() } }
    }

    /// Whether it made sense.
    pub(crate) fn read(&mut self, form: CensusForm) -> bool {
        if form.nodes.len() != self.last.nodes.len() {
            return false;
        }
        for (node, form) in self.last.nodes.iter_mut().zip(form.nodes) {
            add(&mut node.ledger, &form.more);
            node.links_up = form.links_up as usize;
            node.links_pending = form.links_pending as usize;
            node.alive = form.alive as usize;
            node.messages_dropped = form.messages_dropped;
            node.crashed = form.crashed;
        }
        self.last.lag.add_entries(form.lag);
        self.last.kernel_drops = form.drops;
        self.last.interface =
            form.interface.map(|(wire_bytes, packets, others)| Interface { wire_bytes, packets, others });
        true
    }
}

fn add(ledger: &mut Ledger, more: &[(u8, u64)]) {
    ledger.add_counts(more.iter().map(|&(place, more)| (usize::from(place), more)));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rumormill_protocol::{Cause, Sizes};

    use super::*;

    #[test]
    fn censuses_arrive_as_they_were_and_the_second_takes_little() {
        let (mut writer, mut reader) = (CensusWriter::default(), CensusReader::new(100));
        let mut census = Census { nodes: vec![NodeCensus::default(); 100], ..Census::default() };
        for second in 1..4_u64 {
            for node in &mut census.nodes {
                node.ledger.message(Cause::Probe, Sizes { payload: 17, compressed: 17 });
                node.ledger.packets += 3;
                node.ledger.quic_bytes += 200;
                node.ledger.packets_received += 3;
                node.ledger.quic_bytes_received += 190;
                node.links_up = 8;
                node.alive = 100;
            }
            census.nodes[7].crashed = true;
            census.lag.record(Duration::from_micros(77 * second));
            census.kernel_drops = second;
            let others = Some("2 sockets".to_owned());
            census.interface = Some(Interface { wire_bytes: 5 * second, packets: second, others });
            let bytes = postcard::to_stdvec(&writer.write(census.clone())).expect("plain data");
            assert!(bytes.len() < 100 * 30, "{}", bytes.len());
            assert!(reader.read(postcard::from_bytes(&bytes).expect("it was just written")));
            let (there, here) = (&reader.last, &census);
            assert!(there.nodes.iter().zip(&here.nodes).all(|(there, here)| {
                (&there.ledger, there.links_up, there.alive, there.crashed)
                    == (&here.ledger, here.links_up, here.alive, here.crashed)
            }));
            assert_eq!(there.lag.summary(), here.lag.summary());
            assert_eq!((there.kernel_drops, &there.interface), (here.kernel_drops, &here.interface));
        }
        assert!(!CensusReader::new(99).read(writer.write(census)));
    }
}
