//! `--metrics`: what a run that is under way says of itself, over HTTP, in Prometheus' text format.
//!
//! One thread answers one request after another: `GET /metrics` and nothing else, with a limit on the length of a request and
//! on the time that it may take. It holds one text, which the run replaces about once a second.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use clap::Args;
use rumormill_lab::{Phase, Progress, Snapshot};
use rumormill_report::Exposition;

use crate::Failure;

/// A request that is longer is refused.
const REQUEST_BYTES_MAX: usize = 4_096;
/// A request, and the answer to it, may take so long each.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks for a request.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Whether a run can be watched.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Watch {
    /// Serves figures of the run under way at http://ADDR:PORT/metrics for Prometheus; a port alone is on 127.0.0.1
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub(crate) metrics: Option<SocketAddr>,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.trim_start_matches(':').parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse()
        .map_err(|_| "it takes a port, or an address and a port, such as 9464 or 127.0.0.1:9464".into())
}

impl Watch {
    /// Begins to answer, if that is asked for.
    pub(crate) fn open(&self) -> Result<Option<Endpoint>, Failure> {
        let Some(address) = self.metrics else { return Ok(None) };
        let opened = Endpoint::open(address);
        opened
            .map(Some)
            .map_err(|error| Failure::BadInput(format!("--metrics {address} cannot be listened on: {error}")))
    }
}

/// Where a run answers, until it is dropped.
#[derive(Debug)]
pub(crate) struct Endpoint {
    text: Arc<Mutex<String>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    #[cfg(test)]
    address: SocketAddr,
}

impl Endpoint {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        #[cfg(test)]
        let address = listener.local_addr()?;
        let (text, ended) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicBool::new(false)));
        let thread = thread::Builder::new().name("metrics".into()).spawn({
            let (text, ended) = (Arc::clone(&text), Arc::clone(&ended));
            move || {
                while !ended.load(Ordering::Relaxed) {
                    match listener.accept() {
                        // Who asks and does not listen is none of the run's concern.
                        Ok((stream, _)) => drop(answer(stream, &text)),
                        Err(_) => thread::sleep(LOOK_EVERY),
                    }
                }
            }
        })?;
        Ok(Self {
            text,
            ended,
            thread: Some(thread),
            #[cfg(test)]
            address,
        })
    }

    /// Shows progress to people, and to who asks here.
    pub(crate) fn beside<'a>(
        endpoint: Option<&'a Self>,
        people: &'a mut dyn Progress,
        scenario: &'a str,
        variant: &'a str,
    ) -> Watched<'a> {
        Watched { endpoint, people, scenario, variant }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say when it ends.
            let _ = thread.join();
        }
    }
}

/// Progress that also goes to an endpoint.
pub(crate) struct Watched<'a> {
    endpoint: Option<&'a Endpoint>,
    people: &'a mut dyn Progress,
    scenario: &'a str,
    variant: &'a str,
}

impl Progress for Watched<'_> {
    fn phase(&mut self, phase: Phase, lasts: Option<Duration>) {
        self.people.phase(phase, lasts);
    }

    fn tick(&mut self, snapshot: &Snapshot) {
        self.people.tick(snapshot);
        if let Some(endpoint) = self.endpoint {
            let said = exposition(self.scenario, self.variant, snapshot);
            *endpoint.text.lock().unwrap_or_else(PoisonError::into_inner) = said;
        }
    }

    fn interrupted(&self) -> bool {
        self.people.interrupted()
    }
}

fn exposition(scenario: &str, variant: &str, snapshot: &Snapshot) -> String {
    let mut exposition = Exposition::default();
    let labels = [("scenario", scenario), ("variant", variant)];
    for phase in [Phase::Boot, Phase::Settle, Phase::WarmUp, Phase::Measure, Phase::CoolDown] {
        let labels = [labels[0], labels[1], ("phase", phase.name())];
        let is = f64::from(u8::from(snapshot.phase == phase));
        exposition.gauge("rumormill_phase", "1 for the phase that the run is in.", &labels, is);
    }
    let mut gauge = |name, help, value| exposition.gauge(name, help, &labels, value);
    gauge(
        "rumormill_phase_seconds",
        "How long the run has been in its phase.",
        snapshot.elapsed.as_secs_f64(),
    );
    if let Some(left) = snapshot.left {
        gauge("rumormill_left_seconds", "What is left on the cluster's clock, at most.", left.as_secs_f64());
    }
    gauge("rumormill_nodes_up", "Nodes that have not crashed.", snapshot.nodes_up as f64);
    gauge(
        "rumormill_nodes_agreed",
        "Nodes that take as many for alive as are.",
        snapshot.nodes_agreed as f64,
    );
    gauge("rumormill_links_up", "Connections that stand.", snapshot.links_up as f64);
    gauge(
        "rumormill_live_wire_bytes_per_node_per_second",
        "Bytes on the wire that a live node sent per second, since the last look.",
        snapshot.wire_bytes_per_node_per_second,
    );
    gauge(
        "rumormill_live_scheduler_lag_seconds",
        "How late nodes were woken since the last look, 99th percentile.",
        snapshot.lag_p99_us as f64 / 1e6,
    );
    exposition.text()
}

fn answer(mut stream: TcpStream, text: &Mutex<String>) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (status, kind, body) = match request(&mut stream)?.as_deref() {
        None => ("431 Request Header Fields Too Large", TEXT, "the request is too long\n".to_owned()),
        Some(line) => match line.split(' ').collect::<Vec<_>>()[..] {
            ["GET" | "HEAD", path, version] if version.starts_with("HTTP/1.") => {
                if path.split('?').next() == Some("/metrics") {
                    let said = text.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    ("200 OK", "text/plain; version=0.0.4; charset=utf-8", said)
                } else {
                    ("404 Not Found", TEXT, "there is /metrics and nothing else\n".to_owned())
                }
            }
            [_, _, version] if version.starts_with("HTTP/1.") => {
                ("405 Method Not Allowed", TEXT, "there is GET and nothing else\n".to_owned())
            }
            _ => ("400 Bad Request", TEXT, "this is no request of HTTP/1\n".to_owned()),
        },
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

const TEXT: &str = "text/plain; charset=utf-8";

/// The first line of a request, once its head has arrived; nothing when that is too long.
fn request(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let begun = Instant::now();
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() >= REQUEST_BYTES_MAX {
            return Ok(None);
        }
        let left = PATIENCE.checked_sub(begun.elapsed()).filter(|left| !left.is_zero());
        stream.set_read_timeout(Some(left.ok_or(ErrorKind::TimedOut)?))?;
        let mut part = [0; 512];
        match stream.read(&mut part)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => head.extend_from_slice(&part[..read]),
        }
    }
    Ok(Some(String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use rumormill_protocol::Time;

    use super::*;

    struct Nobody;

    impl Progress for Nobody {
        fn phase(&mut self, _: Phase, _: Option<Duration>) {}
        fn tick(&mut self, _: &Snapshot) {}
    }

    fn ask(endpoint: &Endpoint, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(endpoint.address).expect("it listens");
        // What is too long may be refused while it is still being sent.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn a_run_under_way_tells_who_asks_and_answers_nothing_else() {
        let endpoint = Endpoint::open((Ipv4Addr::LOCALHOST, 0).into()).expect("a port is free");
        let mut nobody = Nobody;
        Endpoint::beside(Some(&endpoint), &mut nobody, "a \"b\"", "delta").tick(&Snapshot {
            at: Time::ZERO,
            phase: Phase::Measure,
            elapsed: Duration::from_secs(3),
            lasts: None,
            nodes_up: 7,
            links_up: 21,
            wire_bytes_per_node_per_second: 12.5,
            lag_p99_us: 1_500,
            nodes_agreed: 6,
            left: None,
            strain: None,
        });
        let said = ask(&endpoint, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        let (head, body) = said.split_once("\r\n\r\n").expect("a head and a body");
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\n")
                && head.contains(&format!("Content-Length: {}", body.len()))
        );
        let labels = r#"{scenario="a \"b\"",variant="delta"}"#;
        assert!(body.contains(&format!("rumormill_nodes_up{labels} 7\n")), "{body}");
        assert!(body.contains("phase=\"measure\"} 1\n") && body.contains("phase=\"boot\"} 0\n"), "{body}");
        assert!(body.contains(&format!("rumormill_live_scheduler_lag_seconds{labels} 0.0015\n")), "{body}");
        for (request, status) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "404"),
            (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
            (b"nonsense\r\n\r\n", "400"),
            (b"\xff\xfe\r\n\r\n", "400"),
            (&[b'x'; 2 * REQUEST_BYTES_MAX], "431"),
        ] {
            let answer = ask(&endpoint, request);
            // A peer that is still sending may see the connection reset instead.
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")) || (status == "431" && answer.is_empty())
            );
        }
    }

    #[test]
    fn a_port_alone_is_on_the_loopback_interface() {
        for (text, expected) in
            [("9464", "127.0.0.1:9464"), (":9464", "127.0.0.1:9464"), ("[::1]:80", "[::1]:80")]
        {
            assert_eq!(address(text).expect("an address").to_string(), expected);
        }
        assert!(address("localhost").is_err() && address("70000").is_err());
    }
}
