use std::fmt;

use ring::digest::{SHA256, digest};
use thiserror::Error;

/// Bytes of a fingerprint and of a secret.
const BYTES: usize = 32;

/// How tokens begin, so that one is known for what it is wherever it turns up.
const PREFIX: &str = "rumormill-token-";

/// What lets an agent into one run: the fingerprint of the run's certificate authority, by which the agent knows the
/// coordinator, and a secret, by which the coordinator knows the agent.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    pub(crate) fingerprint: [u8; BYTES],
    pub(crate) secret: [u8; BYTES],
}

/// What was given is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the token does not read {PREFIX} and {digits} hexadecimal digits", digits = 4 * BYTES)]
pub struct NoToken;

impl Token {
    /// Reads what [`reveal`](Self::reveal) wrote; white space around it does not matter.
    ///
    /// # Errors
    /// When it is something else.
    pub fn read(text: &str) -> Result<Self, NoToken> {
        let digits = text.trim().strip_prefix(PREFIX).ok_or(NoToken)?.as_bytes();
        let (pairs, rest) = digits.as_chunks::<2>();
        if pairs.len() != 2 * BYTES || !rest.is_empty() {
            return Err(NoToken);
        }
        let (mut fingerprint, mut secret) = ([0; BYTES], [0; BYTES]);
        for (byte, &[high, low]) in fingerprint.iter_mut().chain(&mut secret).zip(pairs) {
            *byte = 16 * digit(high)? + digit(low)?;
        }
        Ok(Self { fingerprint, secret })
    }

    /// The token as text: whoever has it may join the run.
    pub fn reveal(&self) -> String {
        let digits = self.fingerprint.iter().chain(&self.secret).map(|byte| format!("{byte:02x}"));
        PREFIX.chars().map(String::from).chain(digits).collect()
    }

    /// Whether this is the secret. Hashes are compared, so that the time it takes tells nothing of the secret.
    pub(crate) fn admits(&self, secret: &[u8]) -> bool {
        digest(&SHA256, &self.secret).as_ref() == digest(&SHA256, secret).as_ref()
    }
}

impl fmt::Debug for Token {
    /// Without the secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token")
    }
}

pub(crate) fn fingerprint(certificate: &[u8]) -> [u8; BYTES] {
    let hash = digest(&SHA256, certificate);
    *hash.as_ref().first_chunk().expect("SHA-256 has 32 bytes")
}

const fn digit(character: u8) -> Result<u8, NoToken> {
    match character {
        b'0'..=b'9' => Ok(character - b'0'),
        b'a'..=b'f' => Ok(character - b'a' + 10),
        _ => Err(NoToken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_nothing_else_does() {
        let token = Token { fingerprint: [0xa7; BYTES], secret: [0x0f; BYTES] };
        let text = token.reveal();
        assert_eq!(Token::read(&format!(" {text}\n")), Ok(token.clone()));
        for wrong in ["", "rumormill-token-", &text[1..], &text[..text.len() - 1], &format!("{text}0")] {
            assert_eq!(Token::read(wrong), Err(NoToken), "{wrong}");
        }
        assert_eq!(Token::read(&text.replace('a', "g")), Err(NoToken));
        assert!(token.admits(&[0x0f; BYTES]) && !token.admits(&[0x0e; BYTES]) && !token.admits(&[]));
        assert!(!format!("{token:?}").contains("0f0f"));
    }
}
