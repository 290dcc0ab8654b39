use quinn_proto::crypto::{AeadKey, CryptoError, HandshakeTokenKey, HmacKey};

use super::keys::{Key, digest};

/// As HMAC-SHA-256 has it.
const SIGNATURE_BYTES: usize = 32;

/// Signs the tokens of stateless resets: it only keeps them apart.
pub(super) struct ResetKey;

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        for (place, word) in signature_out.chunks_mut(8).enumerate() {
            let bytes = digest(place as u64, data).to_le_bytes();
            word.copy_from_slice(&bytes[..word.len()]);
        }
    }

    fn signature_len(&self) -> usize {
        SIGNATURE_BYTES
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let mut expected = [0; SIGNATURE_BYTES];
        self.sign(data, &mut expected);
        if expected == signature { Ok(()) } else { Err(CryptoError) }
    }
}

/// Seals the tokens that would validate a client's address. None are given out; what a stranger shows is refused.
pub(super) struct TokenKey;

impl HandshakeTokenKey for TokenKey {
    fn aead_from_hkdf(&self, random_bytes: &[u8]) -> Box<dyn AeadKey> {
        Box::new(Key(digest(0, random_bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_tokens_of_different_ids_differ() {
        let token = |id: u64| {
            let mut token = [0; SIGNATURE_BYTES];
            ResetKey.sign(&id.to_be_bytes(), &mut token);
            assert!(ResetKey.verify(&id.to_be_bytes(), &token).is_ok());
            assert!(ResetKey.verify(&(id + 1).to_be_bytes(), &token).is_err());
            token
        };
        let mut tokens: Vec<_> = (0..10_000).map(token).map(|token| token[..16].to_vec()).collect();
        tokens.sort_unstable();
        tokens.dedup();
        assert_eq!(tokens.len(), 10_000);
    }

    #[test]
    fn a_token_opens_under_its_own_key_alone() {
        let key = TokenKey.aead_from_hkdf(b"nonce");
        let mut token = b"address".to_vec();
        key.seal(&mut token, b"more").expect("sealing never fails");
        assert!(TokenKey.aead_from_hkdf(b"other").open(&mut token.clone(), b"more").is_err());
        assert!(key.open(&mut token.clone(), b"less").is_err());
        assert_eq!(key.open(&mut token, b"more").expect("it was sealed so"), b"address");
        assert!(key.open(&mut [0; 3], b"more").is_err());
    }
}
