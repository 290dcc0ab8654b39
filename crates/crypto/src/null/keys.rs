use bytes::BytesMut;
use quinn_proto::{
    ConnectionId, Side,
    crypto::{AeadKey, CryptoError, HeaderKey, KeyPair, Keys, PacketKey},
};
use rumormill_protocol::mix;

/// As AES-128-GCM has it: bytes of a tag, bytes that the protection of a header looks at, packets under one key, and
/// packets under other keys that a connection bears.
const TAG_BYTES: usize = 16;
const SAMPLE_BYTES: usize = 16;
const CONFIDENTIALITY_LIMIT: u64 = 1 << 23;
const INTEGRITY_LIMIT: u64 = 1 << 52;
/// The bit of a packet's first byte that tells long headers from short ones.
const LONG_HEADER: u8 = 0x80;

/// Of which the keys of one level of encryption are made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Secret(u64);

impl Secret {
    /// Of the first packets to this connection id.
    pub(super) fn initial(id: &ConnectionId) -> Self {
        Self(digest(1, id))
    }

    /// Of a handshake that a client opened with these transport parameters; no other has them, since they name the
    /// connection.
    pub(super) fn handshake(client_params: &[u8]) -> Self {
        Self(digest(2, client_params))
    }

    /// Of the next level, or of the next phase of the last.
    pub(super) const fn next(self) -> Self {
        Self(mix(self.0))
    }

    pub(super) fn keys(self, side: Side) -> Keys {
        Keys {
            header: KeyPair { local: Box::new(self.key(side)), remote: Box::new(self.key(!side)) },
            packet: self.packet_keys(side),
        }
    }

    pub(super) fn packet_keys(self, side: Side) -> KeyPair<Box<dyn PacketKey>> {
        KeyPair { local: Box::new(self.key(side)), remote: Box::new(self.key(!side)) }
    }

    /// The key under which this side sends.
    fn key(self, side: Side) -> Key {
        Key(self.0 ^ u64::from(side.is_client()))
    }
}

/// Checks packets and tokens instead of hiding them. Of headers it hides as much as makes those of others look like
/// the noise that they are under TLS.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key(pub(super) u64);

impl Key {
    /// A tag that any change of key, number, header or body within one word changes too.
    fn tag(self, number: u64, header: &[u8], body: &[u8]) -> [u8; TAG_BYTES] {
        let seen = sum(header).rotate_left(32).wrapping_add(sum(body)).wrapping_add(body.len() as u64);
        let check = mix(mix(self.0 ^ mix(number)).wrapping_add(seen));
        let mut tag = [0; TAG_BYTES];
        tag[..8].copy_from_slice(&check.to_le_bytes());
        tag
    }

    /// How long the body is without its tag.
    fn check(self, number: u64, header: &[u8], sealed: &[u8]) -> Result<usize, CryptoError> {
        let (body, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(CryptoError)?;
        if self.tag(number, header, body) == *tag { Ok(body.len()) } else { Err(CryptoError) }
    }

    /// Flips those bits of the first byte that TLS may flip.
    fn mask(self, pn_offset: usize, packet: &mut [u8]) {
        let (header, sample) = packet.split_at_mut(pn_offset + 4);
        let noise = mix(self.0 ^ sum(&sample[..SAMPLE_BYTES]));
        let protected = if header[0] & LONG_HEADER == 0 { 0x1f } else { 0x0f };
        header[0] ^= noise as u8 & protected;
    }
}

impl PacketKey for Key {
    fn encrypt(&self, packet: u64, buf: &mut [u8], header_len: usize) {
        let (header, rest) = buf.split_at_mut(header_len);
        let (body, tag) = rest.split_at_mut(rest.len() - TAG_BYTES);
        tag.copy_from_slice(&self.tag(packet, header, body));
    }

    fn decrypt(&self, packet: u64, header: &[u8], payload: &mut BytesMut) -> Result<(), CryptoError> {
        let body = self.check(packet, header, payload)?;
        payload.truncate(body);
        Ok(())
    }

    fn tag_len(&self) -> usize {
        TAG_BYTES
    }

    fn confidentiality_limit(&self) -> u64 {
        CONFIDENTIALITY_LIMIT
    }

    fn integrity_limit(&self) -> u64 {
        INTEGRITY_LIMIT
    }
}

impl AeadKey for Key {
    fn seal(&self, data: &mut Vec<u8>, additional_data: &[u8]) -> Result<(), CryptoError> {
        let tag = self.tag(0, additional_data, data);
        data.extend_from_slice(&tag);
        Ok(())
    }

    fn open<'a>(&self, data: &'a mut [u8], additional_data: &[u8]) -> Result<&'a mut [u8], CryptoError> {
        let body = self.check(0, additional_data, data)?;
        Ok(&mut data[..body])
    }
}

impl HeaderKey for Key {
    fn decrypt(&self, pn_offset: usize, packet: &mut [u8]) {
        self.mask(pn_offset, packet);
    }

    fn encrypt(&self, pn_offset: usize, packet: &mut [u8]) {
        self.mask(pn_offset, packet);
    }

    fn sample_size(&self) -> usize {
        SAMPLE_BYTES
    }
}

/// A hash that tells any bytes apart, for short ones.
pub(super) fn digest(seed: u64, bytes: &[u8]) -> u64 {
    words(bytes).fold(mix(seed ^ (bytes.len() as u64) << 8), |state, word| mix(state ^ word))
}

/// Cheaper by far on long ones: it need not tell their orders apart.
fn sum(bytes: &[u8]) -> u64 {
    words(bytes).fold(0, u64::wrapping_add)
}

/// The last one is filled up with zeros.
fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let (words, rest) = bytes.as_chunks();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().map(|&word| u64::from_le_bytes(word)).chain([u64::from_le_bytes(last)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [u8; 12] = [0x41, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

    fn sealed(key: &dyn PacketKey, packet: u64, body: &[u8]) -> BytesMut {
        let mut buf = [&HEADER[..], body, &[0; TAG_BYTES]].concat();
        key.encrypt(packet, &mut buf, HEADER.len());
        BytesMut::from(&buf[HEADER.len()..])
    }

    #[test]
    fn what_one_end_seals_the_other_opens_in_every_phase() {
        let mut secret = Secret::handshake(b"parameters");
        for phase in 0..3 {
            let (client, server) = (secret.packet_keys(Side::Client), secret.packet_keys(Side::Server));
            for (from, to) in [(&client, &server), (&server, &client)] {
                let mut packet = sealed(&*from.local, phase, b"what it says");
                assert!(to.remote.decrypt(phase, &HEADER, &mut packet).is_ok());
                assert_eq!(packet, b"what it says"[..]);
                assert!(from.remote.decrypt(phase, &HEADER, &mut sealed(&*from.local, phase, b"")).is_err());
            }
            secret = secret.next();
            let later = secret.packet_keys(Side::Server);
            let mut packet = sealed(&*client.local, phase, b"what it says");
            assert!(later.remote.decrypt(phase, &HEADER, &mut packet).is_err());
        }
    }

    #[test]
    fn any_changed_bit_is_noticed() {
        let keys = Secret::initial(&ConnectionId::new(&[1; 8])).packet_keys(Side::Client);
        let key = &*keys.local;
        let body: Vec<u8> = (0..100).collect();
        let packet = sealed(key, 7, &body);
        let opens = |number, header: &[u8], packet: &[u8]| {
            key.decrypt(number, header, &mut BytesMut::from(packet)).is_ok()
        };
        assert!(opens(7, &HEADER, &packet));
        assert!(!opens(8, &HEADER, &packet));
        for bit in 0..8 * packet.len() {
            let mut changed = packet.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(7, &HEADER, &changed));
        }
        for bit in 0..8 * HEADER.len() {
            let mut changed = HEADER;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(7, &changed, &packet));
        }
        for end in 0..packet.len() {
            assert!(!opens(7, &HEADER, &packet[..end]));
        }
    }

    #[test]
    fn a_header_comes_back_under_its_own_key_and_is_noise_under_others() {
        let header = |number: u8| {
            let keys = Secret::initial(&ConnectionId::new(&[number; 8])).keys(Side::Server);
            keys.header.local
        };
        let mut odd = 0;
        for number in 0..=255 {
            let mut packet: Vec<u8> = (0..60).map(|place| place ^ number).collect();
            packet[0] = 0xc1;
            let plain = packet.clone();
            header(1).encrypt(20, &mut packet);
            assert_eq!(packet[0] & 0xf0, 0xc0, "the form of the packet stays readable");
            let mut foreign = packet.clone();
            header(2).decrypt(20, &mut foreign);
            odd += usize::from(foreign[0] & 0x0c != 0);
            header(1).decrypt(20, &mut packet);
            assert_eq!(packet, plain);
        }
        // Three of four on average, that is 192; five standard deviations of sqrt(256 * 3 / 16) about it.
        assert!((157..=227).contains(&odd), "{odd} of 256 set reserved bits");
    }
}
