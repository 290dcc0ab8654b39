//! Lifeguard's three parts, each against its absence.

mod world;

use std::{sync::Arc, time::Duration};

use rumormill_node::{Body, Check, Config, Lifeguard, Message, Names, Node, Peers, Record, Standing};
use rumormill_protocol::{
    Cause, Command, Event, LinkEvent, NodeId, Output, Protocol, Start, Status, Time, WarmBoot,
};
use world::{World, contact};

const ME: NodeId = NodeId(0);
const CHECK: Check = Check { members: 0, state: 0 };

fn ms(millis: u64) -> Time {
    Time::ZERO + Duration::from_millis(millis)
}

/// Node 0 of eight, at time zero, connected with node 1.
fn node(lifeguard: Lifeguard) -> Node {
    node_of(Config { lifeguard, ..Config::default() })
}

fn node_of(config: Config) -> Node {
    let start = Start { me: ME, address: contact(0).address, generation: 0, seed: 7 };
    let mut node = Node::new(&Arc::new(config), &start, Time::ZERO);
    let warm = WarmBoot::new((0..8).map(contact).collect(), Vec::new());
    node.handle_command(Time::ZERO, Command::Warm(Arc::new(warm)));
    node.handle_link(Time::ZERO, NodeId(1), LinkEvent::Up);
    outputs(&mut node);
    node
}

fn outputs(node: &mut Node) -> Vec<Output<Message>> {
    std::iter::from_fn(|| node.poll_output()).collect()
}

fn hear(node: &mut Node, now: Time, from: u32, body: Body) -> Vec<Output<Message>> {
    let compression = rumormill_node::Compression::None;
    node.handle_message(now, NodeId(from), Message { names: Names::Full, compression, body });
    outputs(node)
}

/// What a node says until `end`, when everything is delivered in time and nothing answered.
fn say_until(node: &mut Node, end: Time) -> Vec<(Time, Output<Message>)> {
    let mut said = Vec::new();
    while let Some(now) = node.poll_timeout().filter(|at| *at <= end) {
        node.handle_timeout(now);
        said.extend(outputs(node).into_iter().map(|output| (now, output)));
    }
    said
}

fn nacks(said: &[(Time, Output<Message>)]) -> Vec<(Time, NodeId, u16)> {
    let nack = |(at, output): &(Time, Output<Message>)| match output {
        Output::Send { to, message: Message { body: Body::Nack { seq }, .. }, .. } => Some((*at, *to, *seq)),
        _ => None,
    };
    said.iter().filter_map(nack).collect()
}

#[test]
fn a_helper_without_an_answer_says_so_at_four_fifths_of_its_time() {
    let asked = Body::PingRequest { seq: 77, target: NodeId(5), news: Vec::new() };
    let mut helper = node(Lifeguard::ALL);
    hear(&mut helper, ms(100), 1, asked.clone());
    // Of a period of 1 s the direct probe takes 500 ms; 80 % of the rest are 400 ms.
    assert_eq!(nacks(&say_until(&mut helper, ms(5_000))), [(ms(500), NodeId(1), 77)]);

    let mut helper = node(Lifeguard::OFF);
    hear(&mut helper, ms(100), 1, asked.clone());
    assert_eq!(nacks(&say_until(&mut helper, ms(5_000))), [], "plain SWIM has no nacks");

    let mut helper = node(Lifeguard::ALL);
    let pinged = hear(&mut helper, ms(100), 1, asked);
    let seq = pinged.iter().find_map(|output| match output {
        Output::Send { to: NodeId(5), message: Message { body: Body::Ping { seq, .. }, .. }, .. } => {
            Some(*seq)
        }
        _ => None,
    });
    hear(&mut helper, ms(200), 5, Body::Ack { seq: seq.expect("it probes"), news: Vec::new() });
    assert_eq!(nacks(&say_until(&mut helper, ms(5_000))), [], "it was answered");
}

#[test]
fn a_suspect_that_probes_is_told_by_its_buddies_alone() {
    let suspected = Standing::first_of_life(0).with(Status::Suspect);
    let record = |accuser| Record { member: NodeId(1), standing: suspected, accuser, address: None };
    for (lifeguard, told) in [(Lifeguard::ALL, true), (Lifeguard { buddy: false, ..Lifeguard::ALL }, false)] {
        let mut node = node(lifeguard);
        hear(&mut node, ms(10), 2, Body::News(vec![record(Some(NodeId(2)))]));
        let answers =
            hear(&mut node, ms(20), 1, Body::Ping { seq: 1, again: false, check: CHECK, news: Vec::new() });
        let tells = |output: &Output<Message>| {
            matches!(output, Output::Send { to: NodeId(1), message: Message { body: Body::Ack { news, .. }, .. }, .. }
                if news.contains(&record(None)))
        };
        assert_eq!(answers.iter().any(tells), told);
    }
}

#[test]
fn a_suspicion_lasts_until_enough_others_confirm_it() {
    let death = |accusers: &[u32], lifeguard| {
        let mut node = node(lifeguard);
        let suspected = Standing::first_of_life(0).with(Status::Suspect);
        for &accuser in accusers {
            let accuser = Some(NodeId(accuser));
            let record = Record { member: NodeId(1), standing: suspected, accuser, address: None };
            hear(&mut node, ms(0), 2, Body::News(vec![record]));
        }
        // Nobody answers its own probes, so it comes to suspect the member itself, later.
        let said = say_until(&mut node, ms(60_000));
        let died = |(_, output): &&(Time, Output<Message>)| {
            matches!(output, Output::Event(Event::DeclaredDead(NodeId(1))))
        };
        said.iter().find(died).map(|(at, _)| at.since(Time::ZERO).as_millis()).expect("it dies")
    };
    // Of eight members: Min = 4 · 1 s, whatever SWIM heard; Max = 6 · Min.
    assert_eq!(death(&[2], Lifeguard::OFF), 4_000);
    assert_eq!(death(&[2, 3, 4, 5], Lifeguard::ALL), 4_000);
    let two = death(&[2, 3, 3, 2], Lifeguard { probe: false, ..Lifeguard::ALL });
    // 24 − 20 · log 2 / log 4 = 14 s, or with its own as a third 24 − 20 · log 3 / log 4 = 8.15 s, if that comes early.
    assert!((8_150..=14_000).contains(&two), "{two}");
}

#[test]
fn who_slept_suspects_nobody_for_the_silence_of_that_time() {
    for (lifeguard, suspects) in [(Lifeguard::ALL, false), (Lifeguard::OFF, true)] {
        let mut node = node(lifeguard);
        // Until the first probe is under way.
        let probes = |(_, output): &(Time, Output<Message>)| {
            matches!(output, Output::Send { message: Message { body: Body::Ping { .. }, .. }, .. })
        };
        let mut end = ms(100);
        while !say_until(&mut node, end).iter().any(probes) {
            end += Duration::from_millis(100);
        }
        node.handle_timeout(end + Duration::from_secs(20));
        let accused =
            outputs(&mut node).iter().any(|output| matches!(output, Output::Event(Event::Suspected(_))));
        assert_eq!(accused, suspects, "{lifeguard:?}");
    }
}

#[test]
fn who_is_always_late_probes_less_and_suspects_nobody() {
    let mut probed = Vec::new();
    for (lifeguard, suspects) in [(Lifeguard::ALL, false), (Lifeguard::OFF, true)] {
        let mut node = node(lifeguard);
        (2..8).for_each(|peer| node.handle_link(Time::ZERO, NodeId(peer), LinkEvent::Up));
        let (mut probes, mut accused) = (0, false);
        // For a minute it is woken 200 ms after each time that it asked for, and no answer comes.
        while let Some(now) = node.poll_timeout().map(|at| at + ms(200).since(Time::ZERO)) {
            if now > ms(60_000) {
                break;
            }
            node.handle_timeout(now);
            for output in outputs(&mut node) {
                accused |= matches!(output, Output::Event(Event::Suspected(_)));
                probes += usize::from(matches!(
                    output,
                    Output::Send { message: Message { body: Body::Ping { .. }, .. }, .. }
                ));
            }
        }
        assert_eq!(accused, suspects, "{lifeguard:?}: {probes} probes");
        probed.push(probes);
    }
    assert!(2 * probed[0] < probed[1], "{probed:?}");
}

#[test]
fn a_suspicion_of_plain_swim_says_whose_it_is_where_any_member_may_hear_it() {
    for (peers, accuser) in [(Peers::Uniform, Some(ME)), (Peers::Sticky, None)] {
        let mut node = node_of(Config { lifeguard: Lifeguard::OFF, peers, ..Config::default() });
        (2..8).for_each(|peer| node.handle_link(Time::ZERO, NodeId(peer), LinkEvent::Up));
        let told = say_until(&mut node, ms(5_000)).into_iter().flat_map(|(_, output)| match output {
            Output::Send {
                message: Message { body: Body::News(news) | Body::Ping { news, .. }, .. },
                ..
            } => news,
            _ => Vec::new(),
        });
        let suspicions: Vec<_> = told.filter(|record| record.standing.status() == Status::Suspect).collect();
        assert!(!suspicions.is_empty(), "{peers:?}");
        assert!(suspicions.iter().all(|record| record.accuser == accuser), "{peers:?}: {suspicions:?}");
    }
}

#[test]
fn a_stranger_is_dialled_once_a_period_before_it_is_probed() {
    let mut node = node_of(Config { lifeguard: Lifeguard::OFF, peers: Peers::Uniform, ..Config::default() });
    let said = say_until(&mut node, ms(6_500));
    let dialled: Vec<(Time, NodeId)> = said
        .windows(2)
        .filter_map(|pair| match pair {
            [(at, Output::Connect(peer)), (_, Output::Disconnect(same))] if peer == same => {
                Some((*at, *peer))
            }
            _ => None,
        })
        .collect();
    let probed: Vec<(Time, NodeId)> = said
        .iter()
        .filter_map(|(at, output)| match output {
            Output::Send { to, cause: Cause::Probe, .. } => Some((*at, *to)),
            _ => None,
        })
        .collect();
    assert!(
        dialled.len() >= 4,
        "all but one of seven are strangers, and the first of a round is not foreseen"
    );
    assert!(dialled.iter().all(|(_, peer)| *peer != NodeId(1)), "with that one there is a connection");
    let last = probed.last().expect("it probes").0;
    for &(at, peer) in dialled.iter().filter(|(at, _)| *at < last) {
        assert!(probed.contains(&(at + Duration::from_secs(1), peer)), "{dialled:?} before {probed:?}");
    }
}

#[test]
fn a_flood_of_news_takes_few_messages_of_its_own_and_rides_on_probes() {
    let mut node = node(Lifeguard::ALL);
    (2..8).for_each(|peer| node.handle_link(Time::ZERO, NodeId(peer), LinkEvent::Up));
    let is_news = |output: &Output<Message>| {
        matches!(output, Output::Send { message: Message { body: Body::News(_), .. }, .. })
    };
    let is_probe = |output: &Output<Message>| {
        matches!(output, Output::Send { message: Message { body: Body::Ping { .. }, .. }, .. })
    };
    let (mut own, mut riding) = (0, 0);
    // For 20 s somebody says every 100 ms that the member is suspected, each time of a later incarnation.
    for at in (100..20_000).step_by(100) {
        let standing = Standing::alive(at as u32).with(Status::Suspect);
        let news = vec![Record { member: NodeId(7), standing, accuser: Some(NodeId(6)), address: None }];
        hear(&mut node, ms(at), 1, Body::News(news));
        while let Some(due) = node.poll_timeout().filter(|due| *due < ms(at + 100)) {
            node.handle_timeout(due);
            let said = outputs(&mut node);
            let news = said.iter().filter(|output| is_news(output)).count();
            *(if said.iter().any(is_probe) { &mut riding } else { &mut own }) += news;
        }
    }
    // At most two at once and one in each period of 1 s, of the 600 that a fanout of 3 every 100 ms could be.
    assert!((20..=22).contains(&own), "{own} messages of their own, {riding} beside probes");
    assert!(riding >= 15, "{own} messages of their own, {riding} beside probes");
}

#[test]
fn who_boots_warm_probes_nobody_until_its_partners_are_connected() {
    let first_probe = |node: &mut Node| {
        let ping = |(_, output): &(Time, Output<Message>)| {
            matches!(output, Output::Send { message: Message { body: Body::Ping { .. }, .. }, .. })
        };
        say_until(node, ms(90_000)).into_iter().find(ping).map(|(at, _)| at)
    };
    // One of its seven is; the others never answer, and that must come out in the end.
    let waited = first_probe(&mut node(Lifeguard::ALL)).expect("it does not wait for ever");
    assert!((ms(60_000)..ms(61_000)).contains(&waited), "{waited:?}");
    let mut linked = node(Lifeguard::ALL);
    (2..8).for_each(|peer| linked.handle_link(Time::ZERO, NodeId(peer), LinkEvent::Up));
    assert!(first_probe(&mut linked).is_some_and(|at| at < ms(1_000)));
}

/// Deaths of members that were never blocked, where five of forty are blocked for 20 s, four times, with 10 ms between.
fn false_deaths(lifeguard: Lifeguard) -> usize {
    let config = Config { lifeguard, peers: Peers::Uniform, ..Config::default() };
    let mut world = World::warm(40, &config);
    world.run(Duration::from_secs(10));
    let victims: Vec<NodeId> = (3..8).map(NodeId).collect();
    for _ in 0..4 {
        victims.iter().for_each(|&victim| world.block(victim));
        world.run(Duration::from_secs(20));
        victims.iter().for_each(|&victim| world.unblock(victim));
        world.run(Duration::from_millis(10));
    }
    world.run(Duration::from_secs(30));
    assert!(
        world.live().all(|node| world
            .ids()
            .all(|id| { rumormill_protocol::View::status(node, id) == Status::Alive })),
        "nothing is left of it 30 s later: {lifeguard:?}"
    );
    let unprovoked =
        |event: &Event| matches!(event, Event::DeclaredDead(member) if !victims.contains(member));
    world.events.iter().filter(|(_, _, event)| unprovoked(event)).count()
}

#[test]
fn members_whose_messages_wait_declare_healthy_ones_dead_unless_lifeguard_doubts_them() {
    let (swim, guarded) = (false_deaths(Lifeguard::OFF), false_deaths(Lifeguard::ALL));
    assert!(swim >= 5, "each blocked one accuses somebody, and hears no refutation: {swim}");
    assert_eq!(guarded, 0);
}
