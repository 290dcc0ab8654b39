//! Who coordinator and agents are to each other: a certificate authority for each run, which its token pins.

use std::sync::Arc;

use quinn::{
    ClientConfig, ServerConfig, TransportConfig, VarInt,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ED25519, PublicKeyData, SignatureAlgorithm,
};
use rumormill_crypto::real::IdentityError;
use rustls::{
    DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    server::WebPkiClientVerifier,
    version::TLS13,
};

use crate::{
    IDLE, KEEP_ALIVE,
    token::{Token, fingerprint},
};

/// The application protocol of the control connection. Versions are compared after the handshake, so that a difference can
/// be said in words.
const ALPN: &[u8] = b"rumormill-fleet";

/// What the coordinator is called in its certificate, wherever it is.
pub(crate) const COORDINATOR: &str = "coordinator.rumormill";

const AGENT_SUFFIX: &str = ".agent.rumormill";

/// Bytes of a public key.
pub(crate) const KEY_BYTES: usize = 32;

/// The certificate authority of one run.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Result<Self, IdentityError> {
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// A new token for this run.
    pub(crate) fn token(&self) -> Result<Token, IdentityError> {
        let mut secret = [0; 32];
        ring::default_provider().secure_random.fill(&mut secret).map_err(rustls::Error::from)?;
        Ok(Token { fingerprint: fingerprint(&self.certificate), secret })
    }

    /// What the coordinator listens with: whoever shows a certificate must have it of this authority.
    pub(crate) fn coordinator(&self) -> Result<ServerConfig, IdentityError> {
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let mut params = CertificateParams::new([COORDINATOR.to_owned()])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let own = params.signed_by(&key, &self.issuer)?.der().clone();
        let clients = WebPkiClientVerifier::builder_with_provider(self.roots()?, provider())
            .allow_unauthenticated()
            .build()?;
        let mut config = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![own, self.certificate.clone()], private(&key))?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(config)?));
        config.transport_config(transport());
        Ok(config)
    }

    /// The certificate of the agent with this number, for its own key.
    pub(crate) fn admit(&self, number: u32, key: [u8; KEY_BYTES]) -> Result<Vec<u8>, IdentityError> {
        let mut params = CertificateParams::new([format!("{number}{AGENT_SUFFIX}")])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Ok(params.signed_by(&PublicKey(key), &self.issuer)?.der().to_vec())
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, IdentityError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        Ok(Arc::new(roots))
    }
}

/// The number of the agent that a connection's verified certificate names.
pub(crate) fn agent_of(connection: &quinn::Connection) -> Option<u32> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    let certificate = webpki::EndEntityCert::try_from(chain.first()?).ok()?;
    certificate.valid_dns_names().next()?.strip_suffix(AGENT_SUFFIX)?.parse().ok()
}

/// An agent's own key, which never leaves it.
pub(crate) struct AgentKey(KeyPair);

impl AgentKey {
    pub(crate) fn new() -> Result<Self, IdentityError> {
        Ok(Self(KeyPair::generate_for(&PKCS_ED25519)?))
    }

    pub(crate) fn public(&self) -> [u8; KEY_BYTES] {
        *self.0.public_key_raw().first_chunk().expect("an Ed25519 key has 32 bytes")
    }

    /// What an agent dials with before it has a certificate.
    pub(crate) fn stranger(token: &Token) -> Result<ClientConfig, IdentityError> {
        let config = builder(token)?.with_no_client_auth();
        client(config)
    }

    /// What it dials with when it has one.
    pub(crate) fn member(&self, token: &Token, certificate: Vec<u8>) -> Result<ClientConfig, IdentityError> {
        let chain = vec![CertificateDer::from(certificate)];
        client(builder(token)?.with_client_auth_cert(chain, private(&self.0))?)
    }
}

type Builder = rustls::ConfigBuilder<rustls::ClientConfig, rustls::client::WantsClientCert>;

fn builder(token: &Token) -> Result<Builder, IdentityError> {
    let pinned = Pinned { fingerprint: token.fingerprint, provider: provider() };
    Ok(rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned)))
}

fn client(mut config: rustls::ClientConfig) -> Result<ClientConfig, IdentityError> {
    config.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(config)?));
    config.transport_config(transport());
    Ok(config)
}

fn transport() -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    let idle = VarInt::from_u32(u32::try_from(IDLE.as_millis()).expect("a constant of seconds"));
    transport.max_idle_timeout(Some(idle.into()));
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    // One packet is one packet for the interface too, whose count ours is held against.
    transport.enable_segmentation_offload(false);
    Arc::new(transport)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()))
}

/// A key that somebody else holds.
struct PublicKey([u8; KEY_BYTES]);

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

/// Believes a coordinator whose chain ends in the authority with this fingerprint, as the usual verifier would with that
/// authority as its root.
#[derive(Debug)]
struct Pinned {
    fingerprint: [u8; 32],
    provider: Arc<CryptoProvider>,
}

/// What the agent says of a coordinator of another run; it also is how that is recognised.
pub(crate) const OTHER_RUN: &str = "the coordinator's certificate authority is not the one of this token";

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let root = intermediates.iter().find(|certificate| fingerprint(certificate) == self.fingerprint);
        let root = root.ok_or_else(|| rustls::Error::General(OTHER_RUN.into()))?;
        let mut roots = RootCertStore::empty();
        roots.add(root.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("QUIC has no TLS 1.2".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
