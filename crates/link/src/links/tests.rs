use std::time::Duration;

use rumormill_protocol::{LinkEvent, NodeId, Time};

use super::{Action, CloseReason, LinkConfig, Links};

const ME: NodeId = NodeId(100);

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn links(config: LinkConfig) -> Links<u32, &'static str> {
    Links::new(ME, config)
}

fn actions(links: &mut Links<u32, &'static str>) -> Vec<Action<u32>> {
    std::iter::from_fn(|| links.poll_action()).collect()
}

/// Runs the policy up to `until`, all dials leading nowhere, and says when it dialled.
fn dials_until(links: &mut Links<u32, &'static str>, until: Time) -> Vec<f64> {
    let (mut now, mut dials) = (Time::ZERO, Vec::new());
    loop {
        let dialled = actions(links).iter().filter(|action| matches!(action, Action::Dial(_))).count();
        dials.extend(std::iter::repeat_n(now.nanos() as f64 / 1e9, dialled));
        match links.poll_timeout() {
            Some(timeout) if timeout <= until => now = timeout,
            _ => return dials,
        }
        links.handle_timeout(now);
    }
}

#[test]
fn a_pinned_peer_is_dialled_again_with_doubling_waits() {
    let mut links = links(LinkConfig::default());
    links.pin(at(0), NodeId(1));
    let dials = dials_until(&mut links, at(150));
    // Each dial is given up after 3 s.
    let waits: Vec<f64> = dials.windows(2).map(|pair| pair[1] - pair[0] - 3.0).collect();
    assert!(waits.len() >= 5);
    for (wait, mean) in waits.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 32.0, 32.0]) {
        assert!((0.5 * mean..=1.5 * mean).contains(wait), "{wait} s where {mean} s are the mean");
    }
    assert_eq!((links.up(), links.pending()), (0, 1));
    links.unpin(at(150), NodeId(1));
    assert_eq!(links.pending(), 0);
}

#[test]
fn nodes_that_were_refused_together_come_back_one_by_one() {
    let config = LinkConfig::default();
    let mut waits: Vec<_> = (0..1000).map(|pair| config.back_off(0, pair)).collect();
    waits.sort();
    let middle = waits[500].as_secs_f64();
    assert!((0.95..1.05).contains(&middle), "{middle}");
    let gap = waits.windows(2).map(|two| two[1] - two[0]).max().expect("there are many");
    assert!(gap < Duration::from_millis(20), "{gap:?}");
}

#[test]
fn a_released_connection_closes_at_once_unless_it_is_wanted() {
    let mut links = links(LinkConfig::default());
    links.pin(at(0), NodeId(1));
    links.connected(at(0), NodeId(1), 1, ME);
    actions(&mut links);
    links.release(NodeId(1));
    assert_eq!(actions(&mut links), []);
    links.unpin(at(1), NodeId(1));
    links.release(NodeId(1));
    let closed = [Action::Close(1, CloseReason::Unwanted), Action::Tell(NodeId(1), LinkEvent::Down)];
    assert_eq!(actions(&mut links), closed);
}

#[test]
fn a_failed_dial_is_told_once_and_drops_what_waited() {
    let mut links = links(LinkConfig::default());
    links.wait(at(0), NodeId(1), 10, "a");
    links.wait(at(0), NodeId(1), 10, "b");
    assert_eq!(actions(&mut links), [Action::Dial(NodeId(1))]);
    links.dialling(NodeId(1), 7);
    links.handle_timeout(at(3));
    let given_up = [Action::Close(7, CloseReason::Late), Action::Tell(NodeId(1), LinkEvent::DialFailed)];
    assert_eq!(actions(&mut links), given_up);
    assert_eq!(links.dropped(), 2);
    // Nobody wants the peer any more.
    assert_eq!(links.poll_timeout(), None);
    assert!(links.peers.is_empty());
}

#[test]
fn what_waits_is_bounded_and_the_oldest_give_way() {
    let config = LinkConfig { waiting_messages: 3, waiting_bytes: 100, ..LinkConfig::default() };
    let mut links = links(config);
    for message in ["a", "b", "c", "d"] {
        links.wait(at(0), NodeId(1), 10, message);
    }
    links.wait(at(0), NodeId(2), 60, "e");
    links.wait(at(0), NodeId(2), 500, "f");
    assert_eq!(links.dropped(), 2);
    let waiting = |links: &mut Links<_, _>, peer| -> Vec<&str> {
        std::iter::from_fn(|| links.next_waiting(NodeId(peer))).collect()
    };
    assert_eq!(waiting(&mut links, 1), ["b", "c", "d"]);
    assert_eq!(waiting(&mut links, 2), ["f"]);
}

#[test]
fn no_more_than_four_dials_at_once() {
    let mut links = links(LinkConfig::default());
    for peer in 0..10 {
        links.pin(at(0), NodeId(peer));
        links.pin(at(0), NodeId(peer));
        links.wait(at(0), NodeId(peer), 1, "a");
    }
    let dials: Vec<_> = (0..4).map(|peer| Action::Dial(NodeId(peer))).collect();
    assert_eq!(actions(&mut links), dials);
    links.connected(at(1), NodeId(2), 2, ME);
    assert_eq!(actions(&mut links), [Action::Tell(NodeId(2), LinkEvent::Up), Action::Dial(NodeId(4))]);
    links.dial_failed(at(1), NodeId(0));
    let next = [Action::Tell(NodeId(0), LinkEvent::DialFailed), Action::Dial(NodeId(5))];
    assert_eq!(actions(&mut links), next);
}

#[test]
fn an_accepted_connection_makes_a_queued_dial_needless() {
    let mut links = links(LinkConfig { dials_at_once: 1, ..LinkConfig::default() });
    links.pin(at(0), NodeId(1));
    links.pin(at(0), NodeId(2));
    assert_eq!(actions(&mut links), [Action::Dial(NodeId(1))]);
    links.connected(at(0), NodeId(2), 7, NodeId(2));
    links.dial_failed(at(0), NodeId(1));
    let heard = [Action::Tell(NodeId(2), LinkEvent::Up), Action::Tell(NodeId(1), LinkEvent::DialFailed)];
    assert_eq!(actions(&mut links), heard);
}

/// Both ends of two connections that were dialled at once, which complete in either order at either end.
#[test]
fn both_ends_keep_the_connection_that_the_lower_id_dialled() {
    let (low, high) = (NodeId(1), NodeId(2));
    for me in [low, high] {
        let other = if me == low { high } else { low };
        for first in [low, high] {
            let second = if first == low { high } else { low };
            let mut links: Links<u32, &str> = Links::new(me, LinkConfig::default());
            links.pin(at(0), other);
            assert_eq!(actions(&mut links), [Action::Dial(other)]);
            // A connection is named by who dialled it.
            links.connected(at(1), other, first.0, first);
            assert_eq!(actions(&mut links), [Action::Tell(other, LinkEvent::Up)]);
            links.connected(at(1), other, second.0, second);
            let heard = actions(&mut links);
            if first == low {
                assert_eq!(heard, [Action::Close(high.0, CloseReason::Duplicate)]);
            } else {
                let replaced = [
                    Action::Close(high.0, CloseReason::Duplicate),
                    Action::Tell(other, LinkEvent::Down),
                    Action::Tell(other, LinkEvent::Up),
                ];
                assert_eq!(heard, replaced);
            }
            assert_eq!(links.route(at(1), other), Some(low.0));
            links.lost(at(2), other, high.0);
            assert_eq!(links.up(), 1, "the loser's end changes nothing");
        }
    }
}

#[test]
fn a_peer_that_lost_its_end_replaces_a_stale_connection() {
    let mut links = links(LinkConfig::default());
    links.pin(at(0), NodeId(200));
    links.connected(at(0), NodeId(200), 1, ME);
    links.connected(at(60), NodeId(200), 2, NodeId(200));
    assert_eq!(links.route(at(60), NodeId(200)), Some(2));
}

#[test]
fn a_lost_connection_is_told_and_dialled_again_while_pinned() {
    let mut links = links(LinkConfig::default());
    links.pin(at(0), NodeId(1));
    links.connected(at(0), NodeId(1), 1, ME);
    actions(&mut links);
    links.lost(at(10), NodeId(1), 1);
    assert_eq!(actions(&mut links), [Action::Tell(NodeId(1), LinkEvent::Down)]);
    links.handle_timeout(at(12));
    assert_eq!(actions(&mut links), [Action::Dial(NodeId(1))]);
}

#[test]
fn an_unpinned_connection_closes_when_idle_and_a_pinned_one_never() {
    let mut links = links(LinkConfig::default());
    links.pin(at(0), NodeId(1));
    links.connected(at(0), NodeId(1), 1, ME);
    links.connected(at(0), NodeId(2), 2, NodeId(2));
    links.received(at(15), NodeId(2));
    actions(&mut links);
    links.handle_timeout(at(34));
    assert_eq!(actions(&mut links), []);
    links.handle_timeout(at(35));
    let closed = [Action::Close(2, CloseReason::Unwanted), Action::Tell(NodeId(2), LinkEvent::Down)];
    assert_eq!(actions(&mut links), closed);
    links.handle_timeout(at(10_000));
    assert_eq!(links.up(), 1);
    links.unpin(at(10_000), NodeId(1));
    links.handle_timeout(at(10_000));
    assert_eq!(links.up(), 0);
}

#[test]
fn the_least_recently_used_unpinned_connection_gives_way() {
    let mut links = links(LinkConfig { unpinned: 3, ..LinkConfig::default() });
    links.pin(at(0), NodeId(9));
    links.connected(at(0), NodeId(9), 9, ME);
    for peer in 0..3 {
        links.connected(at(1 + u64::from(peer)), NodeId(peer), peer, NodeId(peer));
    }
    links.route(at(5), NodeId(0));
    actions(&mut links);
    links.connected(at(6), NodeId(3), 3, NodeId(3));
    let heard = [
        Action::Tell(NodeId(3), LinkEvent::Up),
        Action::Close(1, CloseReason::Unwanted),
        Action::Tell(NodeId(1), LinkEvent::Down),
    ];
    assert_eq!(actions(&mut links), heard);
}

#[test]
fn a_crowd_is_served_before_its_connections_give_way() {
    let mut links = links(LinkConfig { unpinned: 3, ..LinkConfig::default() });
    for peer in 0..50 {
        links.connected(at(1), NodeId(peer), peer, NodeId(peer));
    }
    assert!(actions(&mut links).iter().all(|action| matches!(action, Action::Tell(_, LinkEvent::Up))));
    let settled = at(1) + LinkConfig::default().settled;
    assert_eq!(links.poll_timeout(), Some(settled));
    let before = at(1) + Duration::from_millis(999);
    links.handle_timeout(before);
    links.received(before, NodeId(7));
    assert_eq!(links.up(), 50);
    links.handle_timeout(settled);
    assert_eq!(links.up(), 3);
    assert_eq!(links.route(settled, NodeId(7)), Some(7), "it was used since");
    let closed = |action: &Action<u32>| matches!(action, Action::Close(_, CloseReason::Unwanted));
    assert_eq!(actions(&mut links).iter().filter(|action| closed(action)).count(), 47);
}

#[test]
fn a_full_table_refuses_peers_and_says_so() {
    let mut links = links(LinkConfig { peers: 2, ..LinkConfig::default() });
    links.pin(at(0), NodeId(1));
    links.wait(at(0), NodeId(2), 1, "a");
    actions(&mut links);
    links.pin(at(0), NodeId(3));
    links.wait(at(0), NodeId(4), 1, "a");
    links.connected(at(0), NodeId(5), 5, NodeId(5));
    let heard = [Action::Tell(NodeId(3), LinkEvent::DialFailed), Action::Close(5, CloseReason::Unwanted)];
    assert_eq!(actions(&mut links), heard);
    assert_eq!((links.dropped(), links.pending()), (1, 1));
}
