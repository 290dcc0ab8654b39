//! The comparison as text, from results made by hand.

use std::collections::BTreeMap;

use rumormill_measure::{
    Agent, Bandwidth, Boot, Conflicts, Convergence, Detection, Difference, Environment, FaultReport, Fleet,
    IpVersion, Layers, LoadReport, METHOD_VERSION, Membership, Reason, Reduction, RunResult, SCHEMA_VERSION,
    Spread, Staleness, Summary, Transport, Turnover, Variant, Verdict, Warning, World,
};
use rumormill_report::comparison;

fn summary(count: u64, us: u64) -> Summary {
    Summary { count, min: us / 2, mean: us, p50: us, p90: us * 2, p99: us * 3, p999: us * 4, max: us * 5 }
}

/// A variant that sends this many bytes per node and second, to which all other figures are in a plain relation.
fn variant(name: &str, wire: f64, cause: &str, verdict: Verdict) -> Variant {
    let causes =
        [(cause, 0.7), ("probe", 0.1), ("ip-udp-headers", 0.196), ("leave", 0.003), ("other", 0.001)];
    Variant {
        name: name.into(),
        protocol: "rumormill".into(),
        world: None,
        fidelity: None,
        ip: IpVersion::V4,
        nodes: 100,
        measured_seconds: 30.0,
        verdict,
        boot: Boot { mode: "warm".into(), ..Boot::default() },
        bandwidth: Bandwidth {
            wire_bytes_per_node_per_second: Spread {
                mean: wire,
                p50: wire,
                p99: wire * 1.5,
                max: wire * 2.0,
            },
            layers_bytes_per_node_per_second: Layers {
                payload: wire * 0.8,
                compressed: wire * 0.7,
                quic: wire * 0.9,
                wire,
            },
            by_cause_bytes_per_node_per_second: causes
                .map(|(cause, share)| (cause.to_owned(), wire * share))
                .into(),
            packets_per_node_per_second: wire / 1_000.0,
            messages_per_node_per_second: 2.5,
            kernel_wire_bytes: None,
            kernel_wire_bytes_reason: None,
            reported_wire_bytes: (wire * 3_000.0) as u64,
            handed_over_wire_bytes: (wire * 3_000.0) as u64,
            writes_applied: 0,
            reduction: None,
        },
        convergence: Convergence {
            writes: 30,
            awaited_pairs: 2_970,
            pairs_us: summary(2_970, 400_000),
            t50_us: summary(30, 350_000),
            t90_us: summary(30, 600_000),
            t99_us: summary(30, 700_000),
            t100_us: summary(30, 800_000),
            unconverged_writes: 0,
            refused_writes: 0,
        },
        staleness: None,
        conflicts: None,
        turnover: Turnover::default(),
        detection: Detection {
            failures: 1,
            first_suspect_us: summary(1, 200_000),
            first_dead_us: summary(1, 1_000_000),
            all_dead_us: summary(1, 1_400_000),
            pairs_us: summary(99, 1_200_000),
            ..Detection::default()
        },
        membership: Membership { observers: 99, members: 100, alive_pairs: 9_801, ..Membership::default() },
        faults: vec![fault("crash", 2, None, None)],
        election: None,
        consensus: None,
        checks_per_period: 1.0,
        scheduler_lag_us: summary(90_000, 800),
        transport: Transport::default(),
        load: LoadReport {
            wall_seconds: 30.0,
            cpu_seconds: 6.0,
            machine_busy_share: Some(0.12),
            foreign_share: Some(0.02),
            swapped_in_pages: Some(0),
            memory_stalled_share: Some(0.0),
            memory_available_bytes: Some(1 << 33),
            peak_rss_bytes: 123_456_789,
        },
        standard_errors: BTreeMap::new(),
        event_hash: None,
        packet_hash: None,
        epidemic: None,
        fleet: None,
    }
}

fn fault(kind: &str, at: u64, until: Option<u64>, healed: Option<u64>) -> FaultReport {
    let us = |seconds| seconds * 1_000_000;
    FaultReport {
        kind: kind.into(),
        nodes: 20,
        at_us: us(at),
        until_us: until.map(us),
        healed_us: healed.map(us),
        agreed_us: None,
    }
}

fn valid() -> Verdict {
    Verdict::new(&[], &[Warning::FewFailures { failures: 1 }])
}

fn saturated() -> Verdict {
    Verdict::new(
        &[Reason::SchedulerLag { p99_us: 180_000, fits: None }],
        &[Warning::FewFailures { failures: 1 }],
    )
}

fn result(variants: Vec<Variant>) -> RunResult {
    RunResult {
        schema_version: SCHEMA_VERSION,
        method_version: METHOD_VERSION,
        tool: "rumormill 0.1.0".into(),
        seed: 1,
        world: World::Local,
        scenario: "compare".into(),
        scenario_toml: None,
        environment: Environment {
            commit: "0123456789abcdef0123456789abcdef01234567".into(),
            optimised: true,
            os: "linux x86_64".into(),
            kernel: "6.1.0".into(),
            cpu_model: "Some CPU".into(),
            cores: 2,
            memory_bytes: 25_276_502_016,
            ..Environment::default()
        },
        verdict: Verdict::of_run(&variants),
        variants,
        differences: Vec::new(),
    }
}

/// The cells of the row with this label.
fn row<'a>(text: &'a str, label: &str) -> Vec<&'a str> {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(label));
    let cells = line.unwrap_or_else(|| panic!("no row {label:?} in\n{text}"));
    cells.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn two_variants_render_as_in_the_file() {
    let text = comparison(&result(vec![
        variant("full", 60_000.0, "full-state", valid()),
        variant("delta", 1_425.2, "delta", valid()),
    ]));
    assert_eq!(text, include_str!("comparison.txt"), "rendered:\n{text}");
}

#[test]
fn the_ratio_is_of_mean_wire_bytes() {
    let text = comparison(&result(vec![
        variant("full", 84_200.0, "full-state", valid()),
        variant("delta", 2_000.0, "delta", valid()),
        variant("digest", 4_210.0, "digest", valid()),
    ]));
    assert!(text.contains("full state costs 42.1 × the bytes of delta\n"), "{text}");
    assert!(text.contains("full state costs 20.0 × the bytes of digest\n"), "{text}");
}

#[test]
fn only_full_state_first_has_a_ratio() {
    let swapped = result(vec![
        variant("delta", 2_000.0, "delta", valid()),
        variant("full", 1.0, "full-state", valid()),
    ]);
    let alone = result(vec![variant("full", 2_000.0, "full-state", valid())]);
    for result in [swapped, alone] {
        assert!(!comparison(&result).contains(" × "));
    }
}

#[test]
fn a_variant_that_is_not_valid_is_marked_at_each_of_its_figures() {
    let text = comparison(&result(vec![
        variant("full", 84_200.0, "full-state", saturated()),
        variant("delta", 2_000.0, "delta", valid()),
    ]));
    assert_eq!(row(&text, "verdict"), ["not valid: saturated", "valid"]);
    for label in ["wire, mean", "packets", "pairs, p99", "first suspicion", "CPU time"] {
        let cells = row(&text, label);
        assert!(cells[0].ends_with('!') && !cells[1].ends_with('!'), "{label}: {cells:?}");
    }
    let doubt = "42.1 × the bytes of delta (do not rely on it: full is not valid: saturated)";
    assert!(text.contains(doubt), "{text}");
    assert!(text.contains("84.2 kB/s, not valid: saturated"), "{text}");
    assert!(text.contains("Verdict: not valid: saturated"), "{text}");
    assert!(text.contains("full: Nodes were woken 180 ms late (p99)"), "{text}");
}

#[test]
fn what_is_said_of_both_variants_is_said_once() {
    let text = comparison(&result(vec![
        variant("full", 84_200.0, "full-state", valid()),
        variant("delta", 2_000.0, "delta", valid()),
    ]));
    assert_eq!(text.matches("Detection rests on one failure").count(), 1);
    assert!(text.contains("full, delta: Detection rests on one failure"), "{text}");
}

#[test]
fn several_failures_have_percentiles_and_one_has_a_time() {
    let one = variant("delta", 2_000.0, "delta", valid());
    let mut many = one.clone();
    many.detection.first_dead_us = summary(25, 1_000_000);
    assert_eq!(row(&comparison(&result(vec![one])), "first declared dead"), ["5.00 s"]);
    let text = comparison(&result(vec![many]));
    assert_eq!(row(&text, "first declared dead, p50"), ["1.00 s"]);
    assert_eq!(row(&text, "first declared dead, p99"), ["3.00 s"]);
}

#[test]
fn small_causes_are_shown_together_and_all_causes_sum_to_the_wire() {
    let text = comparison(&result(vec![variant("delta", 10_000.0, "delta", valid())]));
    assert_eq!(row(&text, "delta  "), ["7.00 kB"]);
    assert_eq!(row(&text, "ip-udp-headers"), ["1.96 kB"]);
    assert_eq!(row(&text, "probe"), ["1.00 kB"]);
    assert_eq!(row(&text, "all below 0.5 %"), ["40.0 B"]);
    assert!(!text.contains("  leave"), "{text}");
}

#[test]
fn lines_fit_100_columns_with_four_variants_of_which_one_is_not_valid() {
    let text = comparison(&result(vec![
        variant("full", 84_200.0, "full-state", saturated()),
        variant("delta", 2_000.0, "delta", valid()),
        variant("digest", 4_210.0, "digest", saturated()),
        variant("memberlist", 4_210.0, "news", valid()),
    ]));
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert_eq!(
        text.matches("memberlist").count(),
        4,
        "as a column, at its bar, in a ratio and a warning\n{text}"
    );
}

#[test]
fn a_run_that_measured_nothing_says_so() {
    let text = comparison(&result(Vec::new()));
    assert!(text.contains("Verdict: not valid: invalid"), "{text}");
    assert!(text.contains("Nothing was measured"), "{text}");
}

#[test]
fn sources_that_are_not_the_commit_s_are_said_to_be_so() {
    let mut result = result(vec![variant("delta", 2_000.0, "delta", valid())]);
    result.environment.commit += "-dirty";
    assert!(comparison(&result).contains("commit 0123456789ab-dirty\n"));
}

#[test]
fn a_boot_by_joining_has_a_section_and_a_warm_one_has_none() {
    let warm = variant("delta", 2_000.0, "delta", valid());
    assert!(!comparison(&result(vec![warm.clone()])).contains("Boot"));
    let mut joined = warm.clone();
    joined.boot = Boot {
        mode: "join".into(),
        know_all_us: summary(100, 900_000),
        wire_bytes_per_node: 31_400.0,
        ..Boot::default()
    };
    let text = comparison(&result(vec![joined.clone()]));
    assert_eq!(row(&text, "until all nodes knew all"), ["4.50 s"]);
    assert_eq!(row(&text, "wire, whole boot, per node"), ["31.4 kB"]);
    assert!(!text.contains("nodes that knew all"), "{text}");
    let mut incomplete = joined.clone();
    incomplete.boot.know_all_us.count = 97;
    let text = comparison(&result(vec![joined, incomplete, warm]));
    assert_eq!(row(&text, "until all nodes knew all"), ["4.50 s", "–", "–"]);
    assert_eq!(row(&text, "nodes that knew all"), ["100 of 100", "97 of 100", "–"]);
}

#[test]
fn stale_reads_and_conflicts_have_their_rows_where_there_are_any() {
    let plain = variant("full", 2_000.0, "full-state", valid());
    let text = comparison(&result(vec![plain.clone()]));
    assert!(!text.contains("stale reads") && !text.contains("Conflicts on shared keys"), "{text}");
    let mut shared = plain.clone();
    shared.name = "delta".into();
    shared.staleness = Some(Staleness { share: 0.0123, age_us: summary(40, 300_000) });
    shared.conflicts = Some(Conflicts {
        writes: 30,
        concurrent_pairs: 12,
        reported_pairs: 11,
        missed_pairs: 1,
        invented_pairs: 0,
    });
    shared.convergence.refused_writes = 2;
    let text = comparison(&result(vec![plain, shared]));
    assert_eq!(row(&text, "stale reads"), ["–", "1.23 %"]);
    assert_eq!(row(&text, "their age, p50"), ["–", "300 ms"]);
    assert_eq!(row(&text, "refused"), ["0", "2"]);
    assert_eq!(row(&text, "neither saw the other"), ["–", "12"]);
    assert_eq!(row(&text, "missed"), ["–", "1"]);
}

#[test]
fn faults_that_end_have_the_time_in_which_they_healed() {
    let mut one = variant("full", 2_000.0, "full-state", valid());
    one.faults = vec![
        fault("partition", 5, Some(25), Some(3)),
        fault("crash", 6, None, None),
        fault("pause", 7, Some(8), None),
    ];
    let mut two = one.clone();
    two.name = "delta".into();
    two.faults[2].healed_us = Some(0);
    let text = comparison(&result(vec![one.clone(), two]));
    assert_eq!(row(&text, "partition of 20 nodes, 5.00 s to 25.0 s"), ["3.00 s", "3.00 s"]);
    assert_eq!(row(&text, "pause of 20 nodes, 7.00 s to 8.00 s"), ["not healed", "0 µs"]);
    assert!(!text.contains("crash of"), "{text}");

    one.faults = (1..=50).map(|at| fault("restart", at, Some(at + 1), Some(at))).collect();
    let text = comparison(&result(vec![one]));
    assert_eq!(text.matches("restart of").count(), 8);
    assert_eq!(row(&text, "the slowest of 42 more"), ["50.0 s"]);
}

#[test]
fn wrong_beliefs_at_the_end_are_said_in_words() {
    let right = variant("delta", 2_000.0, "delta", valid());
    assert!(!comparison(&result(vec![right.clone()])).contains("members  "));
    let mut wrong = right;
    wrong.membership.phantom_pairs = 1_234;
    wrong.membership.old_life_pairs = 5;
    let text = on_one_line(&comparison(&result(vec![wrong])));
    let sentence = "members delta: At the end, of 9,900 pairs of a live node and a member it was asked about, 1,234 \
                    hold a member that is gone for alive (phantoms), 5 know a live member by an earlier life.";
    assert!(text.contains(sentence), "{text}");
}

#[test]
fn the_kernel_s_count_stands_beside_the_reported_bytes_or_says_why_not() {
    let mut known = variant("full", 2_000.0, "full-state", valid());
    known.bandwidth.handed_over_wire_bytes = 1_000_000;
    known.bandwidth.kernel_wire_bytes = Some(1_000_500);
    let sentence =
        "full: Nodes handed 1,000,000 B to the kernel, which counted 1,000,500 B, 1.0005 times as many.";
    let text = comparison(&result(vec![known]));
    assert!(on_one_line(&text).contains(sentence), "{text}");
    let unknown = ["full", "delta"].map(|name| {
        let mut variant = variant(name, 2_000.0, "delta", valid());
        variant.bandwidth.kernel_wire_bytes_reason = Some("there is no kernel in this world".into());
        variant
    });
    let text = comparison(&result(unknown.into()));
    let sentence =
        "check    full, delta: The kernel's count of bytes is not known: there is no kernel in this";
    assert_eq!(text.matches(sentence).count(), 1, "{text}");
}

#[test]
fn several_processes_say_how_far_times_between_them_can_be_trusted() {
    let mut one = variant("delta", 100.0, "probe", valid());
    assert!(!comparison(&result(vec![one.clone()])).contains("processes carried"));
    let agent = |address: &str, lost| Agent { address: address.into(), lost, ..Agent::default() };
    let agents = vec![agent("10.0.0.1", false), agent("10.0.0.2", true)];
    one.fleet =
        Some(Fleet { agents, time_uncertainty_us: 431, negative_latencies: 3, actions_late_us_max: 9 });
    let text = on_one_line(&comparison(&result(vec![one])));
    assert!(text.contains("2 processes carried the nodes; times between them are right to 431"), "{text}");
    assert!(
        text.contains("Lost before the end, with their nodes: those at 10.0.0.2. By the clocks 3 pairs"),
        "{text}"
    );
}

#[test]
fn full_state_that_was_sent_less_often_is_said_to_be_so() {
    let mut full = variant("full", 84_200.0, "full-state", valid());
    let reduction = Reduction {
        asked_interval_us: 1_000_000,
        used_interval_us: 25_000_000,
        asked_bytes_per_second: 1.216e9,
        fitting_bytes_per_second: 50e6,
    };
    full.bandwidth.reduction = Some(reduction);
    full.verdict.warn(Warning::Reduced(reduction));
    let text = comparison(&result(vec![full, variant("delta", 2_000.0, "delta", valid())]));
    assert_eq!(row(&text, "state exchanged every"), ["25.0 s", "–"]);
    assert_eq!(row(&text, "it was to be every"), ["1.00 s", "–"]);
    assert!(
        text.contains("42.1 × the bytes of delta, pushed every 25.0 s and not every 1.00 s as asked"),
        "{text}"
    );
    assert!(text.contains("full: State was exchanged every 25.0 s and not every 1.00 s"), "{text}");
}

#[test]
fn deaths_of_the_living_are_counted_in_pairs_where_there_are_any() {
    let mut one = variant("delta", 2_000.0, "delta", valid());
    assert!(!comparison(&result(vec![one.clone()])).contains("pairs of them"));
    (one.detection.false_positives, one.detection.false_dead_pairs) = (2, 150);
    one.detection.false_dead_pairs_at_healthy = 50;
    let text = comparison(&result(vec![one]));
    assert_eq!(row(&text, "pairs of them"), ["150"]);
    assert_eq!(row(&text, "pairs, observer unharmed"), ["50"]);
}

#[test]
fn messages_that_were_never_sent_have_a_row_where_there_are_any() {
    let mut one = variant("delta", 2_000.0, "delta", valid());
    assert!(!comparison(&result(vec![one.clone()])).contains("dropped"));
    one.transport.messages_dropped = 1_234;
    assert_eq!(row(&comparison(&result(vec![one])), "messages dropped, in all"), ["1,234"]);
}

#[test]
fn differences_between_worlds_are_in_per_cent_with_what_is_allowed() {
    let worlds = [(World::Sim, Some("message")), (World::Local, None)];
    let variants = worlds.map(|(world, fidelity)| {
        let mut one = variant(&world.to_string(), 2_000.0, "delta", valid());
        (one.world, one.fidelity) = (Some(world), fidelity.map(str::to_owned));
        one
    });
    let mut result = result(variants.into());
    assert!(!comparison(&result).contains("Differences"));
    let difference = |figure: &str, value, allowed, within| Difference {
        variant: "sim".into(),
        reference: "local".into(),
        figure: figure.into(),
        value,
        expected: 2_000.0,
        allowed,
        within,
    };
    result.differences = vec![
        difference("bandwidth.wire_bytes_per_node_per_second.mean", 2_020.0, Some(60.0), Some(true)),
        difference("bandwidth.by_cause_bytes_per_node_per_second.probe", 1_000.0, None, None),
        difference("detection.first_dead_us.p50", 6_000.0, Some(200.0), None),
        difference("convergence.t100_us.p50", 1_000.0, Some(200.0), Some(false)),
        Difference { expected: 0.0, ..difference("detection.false_suspicions", 3.0, None, None) },
    ];
    let text = comparison(&result);
    assert!(text.contains("worlds side by side") && text.contains("Differences from local"), "{text}");
    let (_, table) = text.split_once("Differences").expect("it is there");
    assert_eq!(row(table, "wire bytes"), ["± 3.00 %", "+1.00 % within"]);
    assert_eq!(row(table, "probe"), ["-50.0 %"]);
    assert_eq!(row(table, "first declared dead, p50"), ["± 10.0 %", "+200 % (few)"]);
    assert_eq!(row(table, "writes, t100, p50"), ["± 10.0 %", "-50.0 % OUTSIDE"]);
    assert_eq!(row(table, "false suspicions"), ["3.00 for 0"]);
    assert_eq!(text.matches("fewer than 20 failures").count(), 1);

    result.variants[1].verdict = saturated();
    let text = comparison(&result);
    assert!(text.contains("+1.00 % within !"), "{text}");
}

#[test]
fn the_title_says_what_was_simulated() {
    let mut one = variant("delta", 2_000.0, "delta", valid());
    (one.world, one.fidelity) = (Some(World::Sim), Some("quic".into()));
    let mut result = result(vec![one]);
    result.world = World::Sim;
    assert!(comparison(&result).contains("world sim, fidelity quic"));
}
