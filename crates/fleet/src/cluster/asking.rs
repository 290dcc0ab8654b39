use std::collections::BTreeMap;

use rumormill_lab::{ClusterError, NodeCensus};

use super::{FleetCluster, OnLoss, link::Link};
use crate::{
    frame,
    message::{Reply, Request},
};

/// Parts of one answer: of events, sixty million that came up since the last.
const PARTS_MAX: usize = 64;

impl FleetCluster {
    /// Asks all agents that are there at once, and waits for all answers. An agent that does not answer is lost.
    pub(super) fn ask(
        &mut self,
        request: impl Fn(&Link) -> Request,
    ) -> Result<Vec<(usize, Reply)>, ClusterError> {
        self.flush()?;
        let mut replies = Vec::new();
        let mut losses = BTreeMap::new();
        self.gate.runtime().block_on(async {
            for (number, link) in self.agents.iter_mut().enumerate().filter(|(_, link)| !link.lost) {
                let request = request(link);
                if let Err(error) = frame::write(&mut link.send, &request).await {
                    losses.insert(number, error.to_string());
                }
            }
            for (number, link) in self.agents.iter_mut().enumerate().filter(|(_, link)| !link.lost) {
                if losses.contains_key(&number) {
                    continue;
                }
                match link.answer().await {
                    Ok(parts) => replies.extend(parts.into_iter().map(|part| (number, part))),
                    Err(why) => drop(losses.insert(number, why)),
                }
            }
        });
        for (number, why) in losses {
            self.lose(number, &why);
        }
        self.failure()?;
        Ok(replies)
    }

    /// Tells all agents that are there.
    pub(super) fn tell(&mut self, request: impl Fn() -> Request) {
        let mut losses = BTreeMap::new();
        self.gate.runtime().block_on(async {
            for (number, link) in self.agents.iter_mut().enumerate().filter(|(_, link)| !link.lost) {
                if let Err(error) = frame::write(&mut link.send, &request()).await {
                    losses.insert(number, link.explain(&error));
                }
            }
        });
        for (number, why) in losses {
            self.lose(number, &why);
        }
    }

    /// Sends the actions that wait.
    pub(super) fn flush(&mut self) -> Result<(), ClusterError> {
        for number in 0..self.agents.len() {
            self.flush_one(number);
        }
        self.failure()
    }

    pub(super) fn flush_one(&mut self, number: usize) {
        let link = &mut self.agents[number];
        let Some(actions) = link.actions.take().filter(|_| !link.lost) else { return };
        let request = Request::Act(actions);
        let sent = self.gate.runtime().block_on(frame::write(&mut link.send, &request));
        if let Err(error) = sent {
            let why = link.explain(&error);
            self.lose(number, &why);
        }
    }

    /// Finds out whether an agent is lost.
    pub(super) fn look_after(&mut self) -> Result<(), ClusterError> {
        for number in 0..self.agents.len() {
            let link = &self.agents[number];
            if let Some(why) = link.connection.close_reason().filter(|_| !link.lost) {
                self.lose(number, &why.to_string());
            }
        }
        self.failure()
    }

    pub(super) fn lose(&mut self, number: usize, why: &str) {
        let link = &mut self.agents[number];
        if link.lost {
            return;
        }
        link.lost = true;
        link.connection.close(1_u32.into(), b"lost");
        for node in &mut link.census.last.nodes {
            *node = NodeCensus {
                ledger: std::mem::take(&mut node.ledger),
                crashed: true,
                ..NodeCensus::default()
            };
        }
        let name = link.name.clone();
        let all = self.agents.iter().all(|link| link.lost);
        if self.on_loss == OnLoss::End || all {
            self.failed.get_or_insert(format!("lost {name}: {why}"));
        }
    }

    pub(super) fn failure(&self) -> Result<(), ClusterError> {
        self.failed.as_ref().map_or(Ok(()), |why| Err(ClusterError::Fleet(why.clone())))
    }

    /// An agent said something else than it was asked.
    pub(super) fn nonsense(&mut self, number: usize) -> ClusterError {
        self.lose(number, "what it said makes no sense");
        ClusterError::Fleet(format!("what {} said makes no sense", self.agents[number].name))
    }
}

impl Link {
    /// All parts of one answer, or why there is none.
    async fn answer(&mut self) -> Result<Vec<Reply>, String> {
        let mut parts = Vec::new();
        while parts.len() < PARTS_MAX {
            match frame::read_soon(&mut self.receive).await {
                Ok(Reply::Failed(why)) => return Err(why),
                Ok(part @ Reply::Events { more: true, .. }) => parts.push(part),
                Ok(last) => {
                    parts.push(last);
                    return Ok(parts);
                }
                Err(error) => return Err(self.explain(&error)),
            }
        }
        Err(format!("its answer has more than {PARTS_MAX} parts"))
    }
}
