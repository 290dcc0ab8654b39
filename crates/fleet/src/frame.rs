//! Messages on a stream: four bytes of length, then the message.

use std::time::Duration;

use quinn::{RecvStream, SendStream};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;
use tokio::time::timeout;

/// The longest frame between those who know each other: an inspection of thousands of nodes.
pub(crate) const FRAME_BYTES_MAX: usize = 64 << 20;

/// The longest frame from strangers, and to them.
pub(crate) const STRANGER_BYTES_MAX: usize = 4 << 10;

/// Read at once: a length that is announced and not sent takes no more memory than this.
const PIECE_BYTES: usize = 256 << 10;

/// How long one frame may take to come or to go.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no frame.
#[derive(Debug, Error)]
pub(crate) enum FrameError {
    #[error("{0}")]
    Connection(String),
    #[error("no answer came in {} s", PATIENCE.as_secs())]
    Late,
    #[error("a message of {0} bytes is longer than is taken")]
    Length(usize),
    #[error("a message cannot be read: {0}")]
    Content(postcard::Error),
}

pub(crate) async fn write(stream: &mut SendStream, message: &impl Serialize) -> Result<(), FrameError> {
    let bytes = postcard::to_stdvec(message).map_err(FrameError::Content)?;
    write_bytes(stream, &bytes).await
}

pub(crate) async fn write_bytes(stream: &mut SendStream, bytes: &[u8]) -> Result<(), FrameError> {
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= FRAME_BYTES_MAX);
    let length = length.ok_or(FrameError::Length(bytes.len()))?;
    let send = async {
        stream.write_all(&length.to_be_bytes()).await?;
        stream.write_all(bytes).await
    };
    timeout(PATIENCE, send)
        .await
        .map_err(|_| FrameError::Late)?
        .map_err(|error| FrameError::Connection(error.to_string()))
}

/// Reads a message, however long it is in coming.
pub(crate) async fn read<T: DeserializeOwned>(stream: &mut RecvStream) -> Result<T, FrameError> {
    let bytes = read_bytes(stream, FRAME_BYTES_MAX).await?;
    postcard::from_bytes(&bytes).map_err(FrameError::Content)
}

/// Reads an answer, which does not take long.
pub(crate) async fn read_soon<T: DeserializeOwned>(stream: &mut RecvStream) -> Result<T, FrameError> {
    timeout(PATIENCE, read(stream)).await.map_err(|_| FrameError::Late)?
}

pub(crate) async fn read_bytes(stream: &mut RecvStream, max: usize) -> Result<Vec<u8>, FrameError> {
    let lost = |error: quinn::ReadExactError| FrameError::Connection(error.to_string());
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.map_err(lost)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > max {
        return Err(FrameError::Length(length));
    }
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let begin = bytes.len();
        bytes.resize(length.min(begin + PIECE_BYTES), 0);
        stream.read_exact(&mut bytes[begin..]).await.map_err(lost)?;
    }
    Ok(bytes)
}
