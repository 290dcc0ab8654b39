use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket},
    time::{Duration, Instant},
};

use quinn::{Connection, ConnectionError, Endpoint, VarInt};
use tokio::time::timeout;

use super::{AgentError, AgentOptions};
use crate::{
    Token, Version,
    frame::{self, FrameError, STRANGER_BYTES_MAX},
    identity::{AgentKey, COORDINATOR, OTHER_RUN},
    message::{Answer, Hello, Introduction},
    place::Place,
};

/// The least time that one attempt gets.
const ATTEMPT_MIN: Duration = Duration::from_secs(1);

/// Joins the run and comes back with a certificate. Returns the address of this host under which the coordinator knows it
/// as well.
pub(super) async fn dial_in(options: &AgentOptions) -> Result<(Endpoint, Connection, IpAddr), AgentError> {
    let AgentOptions { coordinator, token, version, dial_for, .. } = options;
    let unreachable = |why: String| AgentError::Unreachable(coordinator.clone(), why);
    let begun = Instant::now();
    let key = AgentKey::new()?;
    let (endpoint, server, certificate) = loop {
        let tried = match resolve(coordinator) {
            Ok(server) => {
                let endpoint = local_endpoint(server)?;
                let left = dial_for.saturating_sub(begun.elapsed()).max(ATTEMPT_MIN);
                timeout(left, join(&endpoint, server, token, version, &key))
                    .await
                    .unwrap_or_else(|_| Err(Joining::Later("no answer came".into())))
                    .map(|certificate| (endpoint, server, certificate))
            }
            Err(why) => Err(Joining::Later(why)),
        };
        match tried {
            Ok(joined) => break joined,
            Err(Joining::Never(error)) => return Err(error),
            Err(Joining::Later(why)) if begun.elapsed() >= *dial_for => return Err(unreachable(why)),
            Err(Joining::Later(_)) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    };
    let config = key.member(token, certificate)?;
    let connecting = endpoint.connect_with(config, server, COORDINATOR);
    let connection = connecting.map_err(|error| unreachable(error.to_string()))?;
    let connection = connection.await.map_err(|error| unreachable(error.to_string()))?;
    let introduce = async {
        let mut stream = connection.open_uni().await.map_err(|error| error.to_string())?;
        let introduction = Introduction { place: Place::here() };
        frame::write(&mut stream, &introduction).await.map_err(|error| error.to_string())?;
        let _ = stream.finish();
        Ok::<_, String>(())
    };
    introduce.await.map_err(AgentError::Gone)?;
    let local = endpoint.local_addr();
    let local =
        local.map_err(|error| AgentError::Here(format!("cannot find out its own address: {error}")))?;
    Ok((endpoint, connection, local.ip().to_canonical()))
}

/// How joining failed.
enum Joining {
    Later(String),
    Never(AgentError),
}

async fn join(
    endpoint: &Endpoint,
    server: SocketAddr,
    token: &Token,
    version: &Version,
    key: &AgentKey,
) -> Result<Vec<u8>, Joining> {
    let later = |error: &dyn ToString| Joining::Later(error.to_string());
    let config = AgentKey::stranger(token).map_err(|error| Joining::Never(error.into()))?;
    let connecting = endpoint.connect_with(config, server, COORDINATOR).map_err(|error| later(&error))?;
    let connection = connecting.await.map_err(|error| match error {
        ConnectionError::TransportError(error) if error.to_string().contains(OTHER_RUN) => {
            Joining::Never(AgentError::OtherRun)
        }
        other => later(&other),
    })?;
    let ask = async {
        let lost = |error: ConnectionError| FrameError::Connection(error.to_string());
        let (mut send, mut receive) = connection.open_bi().await.map_err(lost)?;
        let hello = Hello { tool: version.tool.clone(), secret: token.secret, key: key.public() };
        let hello = hello.write(version.protocol).map_err(FrameError::Content)?;
        frame::write_bytes(&mut send, &hello).await?;
        frame::read_bytes(&mut receive, STRANGER_BYTES_MAX).await
    };
    let answer = ask.await.map_err(|error| later(&error))?;
    connection.close(VarInt::from_u32(0), b"");
    match Answer::read(&answer) {
        Some(Answer::Welcome(certificate)) => Ok(certificate),
        Some(Answer::Refused(why)) => Err(Joining::Never(AgentError::Refused(why))),
        None => Err(Joining::Never(AgentError::Refused("its answer cannot be read".into()))),
    }
}

fn resolve(coordinator: &str) -> Result<SocketAddr, String> {
    let addresses: Vec<_> = coordinator.to_socket_addrs().map_err(|error| error.to_string())?.collect();
    let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    first.copied().ok_or_else(|| "its name has no address".into())
}

/// An endpoint bound to the address from which this host reaches the coordinator.
fn local_endpoint(server: SocketAddr) -> Result<Endpoint, AgentError> {
    let here =
        |error: std::io::Error| AgentError::Here(format!("cannot open a socket towards {server}: {error}"));
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let probe = UdpSocket::bind((any, 0)).map_err(here)?;
    // Nothing is sent: the kernel only looks up the route.
    probe.connect(server).map_err(here)?;
    let local = probe.local_addr().map_err(here)?.ip();
    if matches!(local, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
        let problem = format!(
            "--coordinator {server} is reached from {local}, which other hosts cannot send to: name it by an address that is \
             not of one link alone"
        );
        return Err(AgentError::Here(problem));
    }
    Endpoint::client((local, 0).into()).map_err(here)
}
