use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use humantime::format_duration;
use rumormill_lab::{Light, Phase, Progress, Snapshot, Strain};
use rumormill_measure::units;

use crate::interruption::Interruption;

/// Where no line can be redrawn, at most one is written in this time.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The cells of the bar.
const BAR: usize = 10;

/// Clears the line that the cursor is in.
const CLEAR: &str = "\r\x1b[2K";

/// Shows people how far a run is.
pub(crate) struct Display<W: Write> {
    out: W,
    style: Style,
    variant: String,
    /// Into the phase, when the next plain line is due.
    next_line: Duration,
    /// When the variant's warm-up began, and how much of the cluster's time was left then.
    course: Option<(Instant, Duration)>,
    interruption: Interruption,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Not at all.
    Silent,
    /// One line that is drawn again and again.
    Redrawn,
    /// A line a phase, and one every 5 s.
    Lines,
}

impl Display<io::Stderr> {
    pub(crate) fn stderr(quiet: bool, interruption: Interruption) -> Self {
        let out = io::stderr();
        let style = match (quiet, out.is_terminal()) {
            (true, _) => Style::Silent,
            (false, true) => Style::Redrawn,
            (false, false) => Style::Lines,
        };
        Self::new(out, style, interruption)
    }
}

impl<W: Write> Display<W> {
    fn new(out: W, style: Style, interruption: Interruption) -> Self {
        Self { out, style, variant: String::new(), next_line: LINE_EVERY, course: None, interruption }
    }

    /// Says a sentence that stays.
    pub(crate) fn say(&mut self, sentence: &str) {
        match self.style {
            Style::Silent => {}
            Style::Lines => self.put(&format!("{sentence}\n")),
            Style::Redrawn => self.put(&format!("{CLEAR}{sentence}\n")),
        }
    }

    /// From here on it is this variant that runs.
    pub(crate) fn begin(&mut self, variant: String) {
        self.variant = variant;
        self.course = None;
    }

    /// So many repetitions are done after this time.
    pub(crate) fn repetitions(&mut self, done: u64, of: u64, elapsed: Duration) {
        let line = format!(
            "{}: {} of {} repetitions, {} s",
            self.variant,
            units::count(done),
            units::count(of),
            elapsed.as_secs()
        );
        match self.style {
            Style::Silent => {}
            Style::Redrawn => self.put(&format!("{CLEAR}{line}")),
            Style::Lines if elapsed < self.next_line => {}
            Style::Lines => {
                self.next_line = elapsed + LINE_EVERY;
                self.put(&format!("{line}\n"));
            }
        }
    }

    /// Takes the redrawn line away, so that what is printed next begins a line.
    pub(crate) fn clear(&mut self) {
        if self.style == Style::Redrawn {
            self.put(CLEAR);
        }
    }

    fn put(&mut self, text: &str) {
        // A run goes on when nobody watches it any more.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    fn line(&self, snapshot: &Snapshot) -> String {
        let mut line = format!("{}: {} {} s", self.variant, snapshot.phase, snapshot.elapsed.as_secs());
        if let Some(lasts) = snapshot.lasts {
            // Writing to a string cannot fail.
            let _ = write!(line, " of {} s", lasts.as_secs_f64().ceil());
        }
        let _ = write!(
            line,
            ", {} nodes, {} links, {} a node, lag p99 {}",
            units::count(snapshot.nodes_up as u64),
            units::count(snapshot.links_up as u64),
            units::bytes_per_second(snapshot.wire_bytes_per_node_per_second),
            units::duration_us(snapshot.lag_p99_us)
        );
        if snapshot.nodes_agreed < snapshot.nodes_up {
            let _ = write!(line, ", {} know all", units::count(snapshot.nodes_agreed as u64));
        }
        if let Some(strain) = &snapshot.strain {
            line += &lights(strain);
        }
        if let Some(left) = self.time_left(snapshot) {
            let _ = write!(line, ", {} left", format_duration(Duration::from_secs(left.as_secs())));
        }
        line
    }

    /// The share of the variant's phases that is done.
    fn done(&self, snapshot: &Snapshot) -> Option<f64> {
        let ((_, all), left) = (self.course?, snapshot.left?);
        Some(1.0 - left.as_secs_f64() / all.as_secs_f64()).filter(|done| done.is_finite())
    }

    /// What is left on the wall clock, at most, if the cluster's time passes as fast as it did.
    fn time_left(&self, snapshot: &Snapshot) -> Option<Duration> {
        let ((began, all), left) = (self.course?, snapshot.left?);
        let pace = began.elapsed().as_secs_f64() / all.saturating_sub(left).as_secs_f64();
        Duration::try_from_secs_f64(left.as_secs_f64() * pace).ok()
    }

    fn bar(&self, snapshot: &Snapshot) -> String {
        let Some(done) = self.done(snapshot) else { return String::new() };
        let full = ((done * BAR as f64) as usize).min(BAR);
        format!("{}{} {:.0} % ", "█".repeat(full), "░".repeat(BAR - full), done * 100.0)
    }
}

impl<W: Write> Progress for Display<W> {
    fn phase(&mut self, phase: Phase, lasts: Option<Duration>) {
        self.next_line = LINE_EVERY;
        let mut line = format!("{}: {phase}", self.variant);
        if let Some(lasts) = lasts {
            // Writing to a string cannot fail.
            let _ = write!(line, ", {}", format_duration(lasts));
        }
        match self.style {
            Style::Silent => {}
            Style::Lines => self.put(&format!("{line}\n")),
            Style::Redrawn => self.put(&format!("{CLEAR}{line}")),
        }
    }

    fn tick(&mut self, snapshot: &Snapshot) {
        if let (None, Some(left)) = (self.course, snapshot.left) {
            self.course = Some((Instant::now(), left));
        }
        match self.style {
            Style::Silent => {}
            Style::Redrawn => self.put(&format!("{CLEAR}{}{}", self.bar(snapshot), self.line(snapshot))),
            Style::Lines if snapshot.elapsed < self.next_line => {}
            Style::Lines => {
                self.next_line = snapshot.elapsed + LINE_EVERY;
                self.put(&format!("{}\n", self.line(snapshot)));
            }
        }
    }

    fn interrupted(&self) -> bool {
        self.interruption.is_asked()
    }
}

/// What a verdict would say of the last second.
fn lights(strain: &Strain) -> String {
    let all = [("lag", strain.lag), ("CPU", strain.cpu), ("drops", strain.drops), ("memory", strain.memory)];
    let worst = all.iter().map(|(_, light)| *light).max().unwrap_or(Light::Good);
    let names: Vec<_> = all.iter().filter(|(_, light)| *light == worst).map(|(name, _)| *name).collect();
    match worst {
        Light::Good => ", ok".to_owned(),
        Light::Warning => format!(", strained: {}", names.join(", ")),
        Light::Saturated => format!(", saturated: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use rumormill_protocol::Time;

    use super::*;

    fn shown(style: Style) -> String {
        let mut out = Vec::new();
        let mut display = Display::new(&mut out, style, Interruption::default());
        display.begin("delta (1 of 2)".into());
        for phase in [Phase::WarmUp, Phase::Measure] {
            let lasts = Duration::from_secs(12);
            display.phase(phase, Some(lasts));
            for quarter in 0..48 {
                let elapsed = Duration::from_millis(250 * quarter);
                display.tick(&Snapshot {
                    at: Time::ZERO + elapsed,
                    phase,
                    elapsed,
                    lasts: Some(lasts),
                    nodes_up: 1000,
                    links_up: 8000,
                    wire_bytes_per_node_per_second: 1234.0,
                    lag_p99_us: 2500,
                    nodes_agreed: 999,
                    left: Some(lasts - elapsed),
                    strain: Some(Strain {
                        lag: Light::Warning,
                        cpu: Light::Saturated,
                        drops: Light::Good,
                        memory: Light::Good,
                    }),
                });
            }
        }
        display.clear();
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn elsewhere_a_phase_has_a_line_and_one_more_every_five_seconds() {
        let text = shown(Style::Lines);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2 * (1 + 2), "{text}");
        assert!(
            lines[4].contains(" 5 s of 12 s, 1,000 nodes, 8,000 links, 1.23 kB/s a node, lag p99 2.50 ms, 999 know all, saturated: CPU"),
            "{text}"
        );
        assert!(!text.contains('\r'), "{text}");
    }

    #[test]
    fn a_terminal_has_one_line_that_is_gone_at_the_end() {
        let text = shown(Style::Redrawn);
        assert!(!text.contains('\n') && text.ends_with(CLEAR), "{text}");
        assert!(text.contains(&format!("{CLEAR}█████░░░░░ 50 % ")), "{text}");
        assert!(text.split(CLEAR).all(|line| line.chars().count() < 80 + 80), "{text}");
    }

    #[test]
    fn quiet_is_quiet() {
        assert_eq!(shown(Style::Silent), "");
    }
}
