use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use rumormill_fleet::{AgentOptions, Token};

use super::{Agent, hosting::Nodes, version};
use crate::{Failure, Registry};

/// More than a token has.
const TOKEN_BYTES_MAX: u64 = 4 << 10;

/// Carries a share of a run's nodes until it ends.
pub(crate) fn serve(asked: &Agent, registry: &Registry) -> Result<(), Failure> {
    let options = AgentOptions {
        coordinator: asked.coordinator.clone(),
        token: token(&asked.token_file)?,
        version: version(),
        dial_for: asked.dial_for,
        clock_ahead: asked.clock_ahead,
    };
    rumormill_fleet::serve(&options, &mut Nodes::new(registry))
        .map_err(|error| Failure::Undone(error.to_string()))
}

fn token(file: &Path) -> Result<Token, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().take(TOKEN_BYTES_MAX).read_to_string(&mut text)
    } else {
        File::open(file).and_then(|file| file.take(TOKEN_BYTES_MAX).read_to_string(&mut text))
    };
    let bad = |why: String| Failure::BadInput(format!("--token-file {}: {why}", file.display()));
    read.map_err(|error| bad(error.to_string()))?;
    Token::read(&text).map_err(|error| bad(error.to_string()))
}
