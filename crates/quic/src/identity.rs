use std::sync::Arc;

use quinn_proto::{
    ServerConfig,
    crypto::{
        self,
        rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig},
    },
};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ED25519,
};
use rumormill_link::{node_named, server_name};
use rumormill_protocol::NodeId;
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

/// The application protocol that nodes agree on in their handshakes.
pub const ALPN: &[u8] = b"rumormill/1";

/// Whose cryptography is under QUIC.
pub(crate) const CRYPTO_PROVIDER: &str = "rustls/ring";

/// The certificate authority of one run: it makes a node's certificate, and nodes believe no other.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    provider: Arc<CryptoProvider>,
    servers: Arc<WebPkiServerVerifier>,
    clients: Arc<dyn ClientCertVerifier>,
}

/// What a node proves its identity with, ready for its endpoint.
pub struct Credentials {
    /// For accepted connections, with a fresh key for tokens.
    pub server: ServerConfig,
    /// For dialled connections.
    pub client: Arc<dyn crypto::ClientConfig>,
}

/// An identity could not be made: the cluster is not launched.
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
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key)?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone())?;
        let (roots, provider) = (Arc::new(roots), Arc::new(provider()));
        let servers = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone()).build()?;
        let clients = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build()?;
        Ok(Self { issuer: Issuer::new(params, key), provider, servers, clients })
    }

    /// Makes a node's key and certificate.
    ///
    /// # Errors
    /// When the cryptography fails.
    pub fn credentials(&self, node: NodeId) -> Result<Credentials, IdentityError> {
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let mut params = CertificateParams::new([server_name(node)])?;
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let chain = vec![params.signed_by(&key, &self.issuer)?.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let server = self.server(chain.clone(), key.clone_key())?;
        let client = self.client(chain, key)?;
        Ok(Credentials {
            server: ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(server)?)),
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

/// One cipher and one key exchange, so that every handshake costs the same bytes.
fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![ring::kx_group::X25519],
        ..ring::default_provider()
    }
}
