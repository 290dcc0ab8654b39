//! Runs a scenario that is an epidemic: no cluster, but many repetitions of a pure calculation, on all cores.

use std::{
    io::Write,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use rumormill_epidemic::{Course, Spread, Stop};
use rumormill_lab::{EpidemicSettings, Scenario};
use rumormill_measure::{
    Epidemic, EpidemicTheory, Reason, Rounds, StandardErrors, Variant, Verdict, World, mean,
};

use crate::{
    Failure, Plan, RUMORMILL, arguments::Run, interruption::Interruption, plan, progress::Display, worlds,
};

/// What its variant is called, and what stands in place of a protocol.
const NAME: &str = "epidemic";

/// How often people are shown how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The variant of a scenario that is an epidemic, if no option asks for what only clusters have.
pub(crate) fn variant(scenario: &Scenario, run: &Run) -> Result<plan::Variant, Failure> {
    let common = &run.common;
    if let Some(world) = common.on.filter(|&world| world != World::Sim) {
        return Err(Failure::BadInput(format!(
            "--on {world}: an epidemic has no nodes that could live there, only the world sim has it"
        )));
    }
    if let Some(option) = common.option_of_sim() {
        return Err(Failure::BadInput(format!(
            "{option} is an option for clusters, and an epidemic has none"
        )));
    }
    if common.watch.metrics.is_some() {
        return Err(Failure::BadInput(
            "--metrics shows the nodes of a cluster, and an epidemic has none".to_owned(),
        ));
    }
    if run.protocol != RUMORMILL {
        let problem =
            format!("--protocol {}: an epidemic has rules of its own and no protocol", run.protocol);
        return Err(Failure::BadInput(problem));
    }
    let setting = common.setting_on(World::Sim);
    Ok(plan::Variant { name: NAME, protocol: NAME, scenario: scenario.clone(), setting, reduction: None })
}

/// Refuses an epidemic where variants of a cluster are to be compared.
pub(crate) fn refuse(scenario: &Scenario) -> Result<(), Failure> {
    if scenario.epidemic.is_none() {
        return Ok(());
    }
    Err(Failure::BadInput(
        "spread makes the scenario an epidemic, and compare is for clusters: use run".into(),
    ))
}

/// Runs the repetitions, or as many as there is time for until somebody interrupts.
pub(crate) fn measure<W: Write>(
    plan: &Plan,
    settings: &EpidemicSettings,
    display: &mut Display<W>,
    interruption: &Interruption,
) -> Variant {
    let nodes = plan.scenario.cluster.nodes as u32;
    let name = &plan.scenario.name;
    display.say(&format!("{name}: {} repetitions among {nodes} nodes", settings.repetitions));
    display.begin(NAME.to_owned());
    let courses = courses(settings, nodes, plan.scenario.seed, display, interruption);
    let verdict = if (courses.len() as u64) < settings.repetitions {
        Verdict::new(&[Reason::Interrupted], &[])
    } else {
        Verdict::new(&[], &[])
    };
    Variant::of_epidemic(NAME.to_owned(), u64::from(nodes), verdict, report(settings, nodes, &courses))
}

/// The repetitions in their order, whichever core ran them.
fn courses<W: Write>(
    settings: &EpidemicSettings,
    nodes: u32,
    seed: u64,
    display: &mut Display<W>,
    interruption: &Interruption,
) -> Vec<Course> {
    let (next, begun) = (AtomicU64::new(0), Instant::now());
    let (done, finished) = mpsc::channel();
    let mut courses = Vec::new();
    let work = |done: Sender<(u64, Course)>| {
        while !interruption.is_asked() {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= settings.repetitions
                || done.send((number, settings.among(nodes).repetition(seed, number))).is_err()
            {
                return;
            }
        }
    };
    thread::scope(|scope| {
        for done in vec![done; worlds::cores()] {
            scope.spawn(|| work(done));
        }
        let mut look = begun;
        loop {
            match finished.recv_timeout(LOOK_EVERY) {
                Ok(course) => courses.push(course),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if look.elapsed() >= LOOK_EVERY {
                look = Instant::now();
                display.repetitions(courses.len() as u64, settings.repetitions, begun.elapsed());
            }
        }
    });
    courses.sort_unstable_by_key(|(number, _)| *number);
    courses.into_iter().map(|(_, course)| course).collect()
}

fn report(settings: &EpidemicSettings, nodes: u32, courses: &[Course]) -> Epidemic {
    let EpidemicSettings { spread, fanout, clock, stop, k, .. } = *settings;
    let stops = stop != Stop::Never;
    let per_node = |figure: fn(&Course) -> u64| {
        mean(&courses.iter().map(|course| figure(course) as f64 / f64::from(nodes)).collect::<Vec<_>>())
    };
    let rounds =
        |time: &dyn Fn(&Course) -> Option<f64>| Rounds::over(courses.iter().filter_map(time).collect());
    let until = |place: usize| rounds(&move |course| course.reached[place]);
    let learnt = |time: fn(&Course) -> f64| rounds(&move |course| (course.knew > 1).then(|| time(course)));
    let (copies_per_node, copies_error) = per_node(|course| course.copies_until_last);
    let (traffic, traffic_error) = per_node(|course| course.copies);
    // Counted, not taken from 1: of 10 nodes all of which know, none is left, and not 10⁻¹⁷ of one.
    let missed: Vec<_> =
        courses.iter().map(|course| f64::from(nodes - course.knew) / f64::from(nodes)).collect();
    let (residue, residue_error) = mean(&missed);
    let mut theory = theory(settings, nodes);
    theory.residue_of_traffic = (stops && spread == Spread::Push).then(|| (-traffic).exp());
    Epidemic {
        spread: spread.to_string(),
        fanout: u64::from(fanout),
        clock: clock.to_string(),
        stop: stop.to_string(),
        k: stops.then_some(u64::from(k)),
        repetitions: courses.len() as u64,
        rounds_to_50: until(0),
        rounds_to_90: until(1),
        rounds_to_99: until(2),
        rounds_to_100: until(3),
        rounds_to_last: learnt(|course| course.last_arrival),
        rounds_to_learn: learnt(|course| course.mean_arrival),
        copies_per_node,
        residue,
        traffic,
        standard_errors: StandardErrors {
            copies_per_node: copies_error,
            residue: residue_error,
            traffic: traffic_error,
        },
        theory,
    }
}

fn theory(settings: &EpidemicSettings, nodes: u32) -> EpidemicTheory {
    let theory = settings.among(nodes).theory();
    let [rounds_to_50, rounds_to_90, rounds_to_99, rounds_to_100] = theory.reached;
    EpidemicTheory {
        rounds_to_50,
        rounds_to_90,
        rounds_to_99,
        rounds_to_100,
        rounds_formula: theory.reached_formula.map(str::to_owned),
        residue: theory.residue,
        residue_formula: theory.residue_formula.map(str::to_owned),
        residue_of_traffic: None,
    }
}
