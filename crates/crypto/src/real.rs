//! TLS 1.3 by rustls and *ring*: every node has a certificate, and shows it when it dials and when it accepts.

use std::sync::Arc;

use ::ring::{hkdf, hmac};
use quinn_proto::{
    EndpointConfig, ServerConfig,
    crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig},
};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ED25519, SerialNumber,
};
use rumormill_link::{node_named, server_name};
use rumormill_protocol::{NodeId, WIRE_ID_BYTES};
use rustls::{
    ClientConfig, RootCertStore,
    client::{Resumption, WebPkiServerVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{
        NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier, danger::ClientCertVerifier,
    },
    version::TLS13,
};
use thiserror::Error;

use crate::Credentials;

/// The application protocol that nodes agree on in their handshakes.
pub const ALPN: &[u8] = b"rumormill/1";

/// Whose cryptography is under QUIC.
pub const CRYPTO_PROVIDER: &str = "rustls/ring";

/// The certificate authority of one run: it makes a node's certificate, and nodes believe no other.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    provider: Arc<CryptoProvider>,
    servers: Arc<WebPkiServerVerifier>,
    clients: Arc<dyn ClientCertVerifier>,
    /// Of which the keys of tokens and of stateless resets are made.
    secret: hkdf::Prk,
}

/// An [`Authority`] as it travels between the processes of one run.
#[derive(Clone)]
pub struct Seal {
    /// Of which keys outside of handshakes are made.
    pub secret: [u8; 32],
    /// The authority's key, as PKCS #8.
    pub key: Vec<u8>,
    /// Its certificate.
    pub certificate: Vec<u8>,
}

/// An identity could not be made or used: whoever was to have it does not begin.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// A key or certificate could not be made.
    #[error("making a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS would not take a certificate or setting of ours.
    #[error("setting up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The verifier of certificates could not be built.
    #[error("setting up the verification of certificates: {0}")]
    Verifier(#[from] VerifierBuilderError),
    /// The cryptography lacks what QUIC begins with.
    #[error("setting up QUIC: {0}")]
    Cipher(#[from] NoInitialCipherSuite),
}

impl Authority {
    /// A new authority with a key of its own.
    ///
    /// # Errors
    /// When the cryptography fails.
    pub fn new() -> Result<Self, IdentityError> {
        let mut secret = [0; 32];
        provider().secure_random.fill(&mut secret).map_err(rustls::Error::from)?;
        Self::with_secret(&secret)
    }

    /// A new authority for virtual time: what its nodes have outside of their handshakes is drawn from a seed, and
    /// thereby no secret.
    ///
    /// # Errors
    /// When the cryptography fails.
    pub fn seeded(seed: u64) -> Result<Self, IdentityError> {
        Self::with_secret(&seed.to_be_bytes())
    }

    fn with_secret(secret: &[u8]) -> Result<Self, IdentityError> {
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let params = Self::params();
        let certificate = params.self_signed(&key)?.der().clone();
        Self::assemble(secret, key, certificate)
    }

    fn params() -> CertificateParams {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
    }

    /// All that another process needs to make certificates that nodes of this run believe: as secret as the run.
    ///
    /// # Errors
    /// When the cryptography fails.
    pub fn seal() -> Result<Seal, IdentityError> {
        let mut secret = [0; 32];
        provider().secure_random.fill(&mut secret).map_err(rustls::Error::from)?;
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let certificate = Self::params().self_signed(&key)?.der().to_vec();
        Ok(Seal { secret, key: key.serialize_der(), certificate })
    }

    /// The authority that others have too.
    ///
    /// # Errors
    /// When this is no [`seal`](Self::seal).
    pub fn of(seal: &Seal) -> Result<Self, IdentityError> {
        let key = PrivatePkcs8KeyDer::from(seal.key.as_slice());
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ED25519)?;
        Self::assemble(&seal.secret, key, seal.certificate.clone().into())
    }

    fn assemble(
        secret: &[u8],
        key: KeyPair,
        certificate: CertificateDer<'static>,
    ) -> Result<Self, IdentityError> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate)?;
        let (roots, provider) = (Arc::new(roots), Arc::new(provider()));
        let servers = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone()).build()?;
        let clients = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build()?;
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"rumormill").extract(secret);
        Ok(Self { issuer: Issuer::new(Self::params(), key), provider, servers, clients, secret })
    }

    /// The settings of the nodes' endpoints, with the key of their stateless resets: that of all nodes in all their
    /// lives, so that a restarted node can reset what its earlier life had.
    pub fn endpoint_config(&self) -> EndpointConfig {
        let info: [&[u8]; 1] = [b"stateless reset"];
        let key = self.secret.expand(&info, hmac::HMAC_SHA256).expect("the length is the hash's own");
        EndpointConfig::new(Arc::new(hmac::Key::from(key)))
    }

    /// Makes a node's key and certificate.
    ///
    /// # Errors
    /// When the cryptography fails.
    pub fn credentials(&self, node: NodeId) -> Result<Credentials, IdentityError> {
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let mut params = CertificateParams::new([server_name(node)])?;
        params.serial_number = Some(serial_number(node));
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let chain = vec![params.signed_by(&key, &self.issuer)?.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let server = self.server(chain.clone(), key.clone_key())?;
        let client = self.client(chain, key)?;
        Ok(Credentials {
            server: ServerConfig::new(
                Arc::new(QuicServerConfig::try_from(server)?),
                Arc::new(self.secret.clone()),
            ),
            client: Arc::new(QuicClientConfig::try_from(client)?),
        })
    }

    fn server(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<rustls::ServerConfig, IdentityError> {
        let mut config = rustls::ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(self.clients.clone())
            .with_single_cert(chain, key)?;
        // A resumed session saves no bytes, and its caches would cost 42 KiB a node.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }

    fn client(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<ClientConfig, IdentityError> {
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .with_webpki_verifier(self.servers.clone())
            .with_client_auth_cert(chain, key)?;
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }
}

/// The node that the verified certificate of a connection's peer names; `None` when it names none, or several.
pub fn identify(connection: &quinn_proto::Connection) -> Option<NodeId> {
    let chain = connection.crypto_session().peer_identity()?;
    let chain = chain.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    let certificate = webpki::EndEntityCert::try_from(chain.first()?).ok()?;
    let mut names = certificate.valid_dns_names();
    let node = node_named(names.next()?)?;
    names.next().is_none().then_some(node)
}

/// Other than a random number, it has as many bytes in every certificate: a number sheds its leading zeros.
fn serial_number(node: NodeId) -> SerialNumber {
    let mut bytes = [1; 1 + WIRE_ID_BYTES];
    bytes[1..].copy_from_slice(&node.to_wire());
    SerialNumber::from(bytes.to_vec())
}

/// One cipher and one key exchange, so that every handshake costs the same bytes.
fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![ring::kx_group::X25519],
        ..ring::default_provider()
    }
}
