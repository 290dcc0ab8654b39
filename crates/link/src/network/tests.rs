use std::{sync::Arc, time::Duration};

use rumormill_measure::IpVersion;
use rumormill_protocol::{NodeId, NodeSet, Time};

use super::{Egress, NetworkConfig, PACKETS_UNDER_WAY_MAX};

const PEER: Option<NodeId> = Some(NodeId(1));

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The time at which the `number`-th packet is sent: one each 100 µs.
fn sent_at(number: usize) -> Time {
    Time(number as u64 * 100_000)
}

/// The arrivals of `packets` numbered packets of 1,000 bytes, in the order of their arrival.
fn arrivals(egress: &mut Egress<usize>, packets: usize) -> Vec<(Time, usize)> {
    let mut arrived = Vec::new();
    for number in 0..packets {
        collect(egress, sent_at(number), &mut arrived);
        egress.send(sent_at(number), PEER, 1_000, number);
    }
    collect(egress, Time(u64::MAX), &mut arrived);
    arrived
}

/// Takes what arrives until `until`, each packet when it does.
fn collect(egress: &mut Egress<usize>, until: Time, arrived: &mut Vec<(Time, usize)>) {
    while let Some(at) = egress.poll_timeout().filter(|&at| at <= until) {
        while let Some(packet) = egress.poll_due(at) {
            arrived.push((at, packet));
        }
    }
}

fn network(config: NetworkConfig) -> Egress<usize> {
    Egress::new(config, 7)
}

/// Which of the packets are missing.
fn lost(arrived: &[(Time, usize)], packets: usize) -> Vec<bool> {
    let mut lost = vec![true; packets];
    for &(_, number) in arrived {
        lost[number] = false;
    }
    lost
}

#[test]
fn a_perfect_network_delivers_at_once() {
    let mut egress = network(NetworkConfig::default());
    assert!(egress.is_perfect());
    let arrived = arrivals(&mut egress, 1_000);
    assert!(arrived.iter().enumerate().all(|(place, &(at, number))| (at, number) == (sent_at(place), place)));
    assert!(egress.is_perfect());
    assert_eq!((egress.ledger().lost_packets, egress.ledger().copied_packets), (0, 0));
}

#[test]
fn delays_are_uniform_between_latency_and_latency_and_jitter() {
    let mut egress = network(NetworkConfig { latency: ms(20), jitter: ms(10), ..NetworkConfig::default() });
    let mut delays_us = Vec::new();
    for number in 0..20_000 {
        // Far apart, so that none waits for one before it.
        let now = Time::ZERO + ms(100) * number;
        egress.send(now, PEER, 1_000, 0);
        let arrival = egress.poll_timeout().expect("it is under way");
        assert_eq!(egress.poll_due(Time(arrival.nanos() - 1)), None);
        assert_eq!(egress.poll_due(arrival), Some(0));
        delays_us.push((arrival - now).as_micros() as u64);
    }
    assert!(delays_us.iter().all(|delay| (20_000..30_000).contains(delay)));
    // The mean's own standard deviation is 10 ms / √12 / √20,000 = 20 µs.
    let mean = delays_us.iter().sum::<u64>() as f64 / delays_us.len() as f64;
    assert!((mean - 25_000.0).abs() < 100.0, "{mean}");
    let late = delays_us.iter().filter(|&&delay| delay >= 29_000).count();
    assert!((late as f64 - 2_000.0).abs() < 5.0 * 42.5, "{late} of 20,000 in the last tenth");
}

#[test]
fn packets_to_one_destination_keep_their_order_and_their_bounds() {
    let mut egress = network(NetworkConfig { latency: ms(20), jitter: ms(10), ..NetworkConfig::default() });
    let arrived = arrivals(&mut egress, 10_000);
    assert!(arrived.iter().map(|&(_, number)| number).eq(0..10_000));
    for &(at, number) in &arrived {
        let delay = at - sent_at(number);
        assert!(delay >= ms(20) && delay < ms(30), "{delay:?}");
    }
}

#[test]
fn packets_to_different_destinations_do_not_wait_for_each_other() {
    let mut egress = network(NetworkConfig { latency: ms(1), jitter: ms(10), ..NetworkConfig::default() });
    for number in 0..200 {
        egress.send(Time(number as u64), Some(NodeId(number)), 100, number as usize);
    }
    let mut arrived = Vec::new();
    collect(&mut egress, Time(u64::MAX), &mut arrived);
    assert_eq!(arrived.len(), 200);
    assert!(!arrived.iter().map(|&(_, number)| number).is_sorted());
}

#[test]
fn a_packet_that_is_held_back_takes_twice_as_long() {
    let mut egress = network(NetworkConfig { latency: ms(20), reorder: 0.1, ..NetworkConfig::default() });
    let arrived = arrivals(&mut egress, 10_000);
    assert_eq!(arrived.len(), 10_000);
    let held_back = arrived.iter().filter(|&&(at, number)| at - sent_at(number) == ms(40)).count();
    let usual = arrived.iter().filter(|&&(at, number)| at - sent_at(number) == ms(20)).count();
    assert_eq!(usual + held_back, 10_000);
    // √(10,000 · 0.1 · 0.9) = 30.
    assert!((held_back as f64 - 1_000.0).abs() < 5.0 * 30.0, "{held_back}");
    let mut local = network(NetworkConfig { reorder: 1.0, ..NetworkConfig::default() });
    assert!(arrivals(&mut local, 10).iter().all(|&(at, number)| at - sent_at(number) == ms(1)));
}

#[test]
fn independent_losses_have_the_rate_and_the_rows_of_independent_losses() {
    let packets = 200_000;
    for burst in [0.0, 1.0, 1.0 / 0.9] {
        let mut egress = network(NetworkConfig { loss: 0.1, burst, ..NetworkConfig::default() });
        let arrived = arrivals(&mut egress, packets);
        let lost = lost(&arrived, packets);
        let count = lost.iter().filter(|&&lost| lost).count();
        // √(200,000 · 0.1 · 0.9) = 134.
        assert!((count as f64 - 20_000.0).abs() < 5.0 * 134.0, "{count}");
        assert_eq!(egress.ledger().lost_packets, count as u64);
        assert_eq!(egress.ledger().lost_quic_bytes, 1_000 * count as u64);
        let mean = count as f64 / rows(&lost) as f64;
        assert!((mean - 1.0 / 0.9).abs() < 0.02, "{mean}");
    }
}

#[test]
fn bursts_are_as_long_as_asked_for_and_lose_no_more() {
    let packets = 400_000;
    let mut egress = network(NetworkConfig { loss: 0.05, burst: 8.0, ..NetworkConfig::default() });
    let arrived = arrivals(&mut egress, packets);
    let lost = lost(&arrived, packets);
    let count = lost.iter().filter(|&&lost| lost).count() as f64;
    // The chain forgets with 1 − (0.125 + 0.00658) a packet, which makes the variance of the sum 14.2 times that of
    // independent losses: a standard deviation of 520.
    assert!((count - 20_000.0).abs() < 5.0 * 520.0, "{count}");
    // 2,500 rows of a geometric length: the mean's standard deviation is 7.5 / 50 = 0.15.
    let mean = count / rows(&lost) as f64;
    assert!((mean - 8.0).abs() < 5.0 * 0.15, "{mean}");
}

fn rows(lost: &[bool]) -> usize {
    lost.iter().zip([false].iter().chain(lost)).filter(|&(&now, &before)| now && !before).count()
}

#[test]
fn everything_and_nothing_can_be_lost() {
    let lossy = |loss| NetworkConfig { loss, burst: 5.0, ..NetworkConfig::default() };
    assert_eq!(arrivals(&mut network(lossy(1.0)), 1_000), []);
    assert_eq!(arrivals(&mut network(lossy(0.0)), 1_000).len(), 1_000);
}

#[test]
fn second_copies_are_counted() {
    let mut egress = network(NetworkConfig { duplicate: 0.25, ..NetworkConfig::default() });
    let arrived = arrivals(&mut egress, 10_000);
    let copies = arrived.len() - 10_000;
    // √(10,000 · 0.25 · 0.75) = 43.
    assert!((copies as f64 - 2_500.0).abs() < 5.0 * 43.0, "{copies}");
    let ledger = egress.ledger();
    assert_eq!((ledger.copied_packets, ledger.copied_quic_bytes), (copies as u64, 1_000 * copies as u64));
    assert_eq!(ledger.lost_packets, 0);
}

#[test]
fn a_line_serves_its_rate_and_loses_what_has_no_room() {
    // 1,000 bytes and 28 of headers take 8.224 ms at 1 Mbit/s.
    let took = Duration::from_micros(8_224);
    let config =
        NetworkConfig { rate_bits_per_second: Some(1_000_000), latency: ms(5), ..NetworkConfig::default() };
    let mut egress = network(config);
    for number in 0..1_000 {
        egress.send(Time::ZERO, PEER, 1_000, number);
    }
    let mut arrived = Vec::new();
    collect(&mut egress, Time(u64::MAX), &mut arrived);
    // A second's worth is 125,000 bytes, less than 262,144: room for 255 packets of 1,028 bytes.
    assert_eq!(arrived.len(), 262_144 / 1_028);
    for (&(at, number), place) in arrived.iter().zip(0u32..) {
        assert_eq!((at, number), (Time::ZERO + took * (place + 1) + ms(5), place as usize));
    }
    assert_eq!(egress.ledger().lost_packets, 1_000 - 255);
}

#[test]
fn a_line_takes_longer_for_the_headers_of_ipv6() {
    let rate_bits_per_second = Some(1_000_000);
    let mut egress =
        network(NetworkConfig { ip: IpVersion::V6, rate_bits_per_second, ..NetworkConfig::default() });
    egress.send(Time::ZERO, PEER, 1_000, 0);
    // 1,048 bytes at 1 Mbit/s.
    assert_eq!(egress.poll_timeout(), Some(Time::ZERO + Duration::from_micros(8_384)));
}

#[test]
fn a_fast_line_holds_a_seconds_worth() {
    // 8.224 Mbit/s: 1,000 packets a second.
    let config = NetworkConfig { rate_bits_per_second: Some(8_224_000), ..NetworkConfig::default() };
    let mut egress = network(config);
    (0..2_000).for_each(|number| egress.send(Time::ZERO, PEER, 1_000, number));
    assert_eq!(egress.ledger().lost_packets, 1_000);
}

#[test]
fn what_is_under_way_is_bounded() {
    let mut egress = network(NetworkConfig { latency: ms(1_000), ..NetworkConfig::default() });
    (0..PACKETS_UNDER_WAY_MAX + 10).for_each(|number| egress.send(Time::ZERO, PEER, 1_000, number));
    assert_eq!(egress.ledger().lost_packets, 10);
}

#[test]
fn a_fault_meets_those_it_is_for_until_it_ends() {
    let mut egress = network(NetworkConfig::default());
    let set: NodeSet = [NodeId(1), NodeId(5)].into_iter().collect();
    egress.impair(3, Some(Arc::new(set)), 1.0, Duration::ZERO);
    egress.impair(4, None, 0.0, ms(30));
    let send = |egress: &mut Egress<usize>, now: Time| -> Vec<(Time, usize)> {
        let destinations = [Some(NodeId(1)), Some(NodeId(2)), Some(NodeId(5)), None];
        (0..4).for_each(|place| egress.send(now, destinations[place], 10, place));
        let mut arrived = Vec::new();
        collect(egress, Time(u64::MAX), &mut arrived);
        arrived
    };
    assert!(!egress.is_perfect());
    let late = Time::ZERO + ms(30);
    assert_eq!(send(&mut egress, Time::ZERO), [(late, 1), (late, 3)]);
    egress.repair(3);
    let later = late + ms(30);
    assert_eq!(send(&mut egress, late), [(later, 0), (later, 1), (later, 2), (later, 3)]);
    egress.repair(4);
    egress.repair(99);
    assert!(egress.is_perfect());
}

#[test]
fn what_a_fault_delayed_is_not_overtaken_when_it_ends() {
    let mut egress = network(NetworkConfig::default());
    egress.impair(1, None, 0.0, ms(50));
    egress.send(Time::ZERO, PEER, 10, 0);
    egress.repair(1);
    assert!(!egress.is_perfect(), "one is under way");
    egress.send(Time::ZERO + ms(10), PEER, 10, 1);
    let mut arrived = Vec::new();
    collect(&mut egress, Time(u64::MAX), &mut arrived);
    assert_eq!(arrived, [(Time::ZERO + ms(50), 0), (Time::ZERO + ms(50), 1)]);
    assert!(egress.is_perfect());
}

#[test]
fn a_refused_packet_is_lost() {
    let mut egress = network(NetworkConfig { latency: ms(1), ..NetworkConfig::default() });
    egress.refused(500);
    let ledger = egress.ledger();
    assert_eq!((ledger.send_refused, ledger.lost_packets, ledger.lost_quic_bytes), (1, 1, 500));
}

#[test]
fn the_same_seed_brings_the_same_fates() {
    let config = NetworkConfig {
        ip: IpVersion::V4,
        latency: ms(20),
        jitter: ms(10),
        loss: 0.1,
        burst: 3.0,
        rate_bits_per_second: Some(100_000_000),
        reorder: 0.1,
        duplicate: 0.1,
    };
    let fates = |seed| arrivals(&mut Egress::new(config.clone(), seed), 5_000);
    assert_eq!(fates(1), fates(1));
    assert_ne!(fates(1), fates(2));
}
