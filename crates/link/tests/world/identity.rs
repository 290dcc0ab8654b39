use std::sync::Arc;

use quinn_proto::{
    ServerConfig,
    crypto::{
        self,
        rustls::{QuicClientConfig, QuicServerConfig},
    },
};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ED25519};
use rumormill_link::{node_named, server_name};
use rumormill_protocol::NodeId;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

/// Signs the nodes' certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    roots: Arc<RootCertStore>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = key();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate: Certificate = params.self_signed(&key).expect("valid parameters");
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).expect("a valid certificate");
        Self { issuer: Issuer::new(params, key), roots: Arc::new(roots) }
    }

    pub(crate) fn node(&self, node: NodeId) -> (ServerConfig, Arc<dyn crypto::ClientConfig>) {
        let key = key();
        let params = CertificateParams::new([server_name(node)]).expect("a valid name");
        let chain = vec![params.signed_by(&key, &self.issuer).expect("valid parameters").der().clone()];
        let secret = || PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots.clone(), provider.clone())
            .build()
            .expect("there is a root");
        let server = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("ring speaks TLS 1.3")
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), secret())
            .expect("the key fits");
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("ring speaks TLS 1.3")
            .with_root_certificates(self.roots.clone())
            .with_client_auth_cert(chain, secret())
            .expect("the key fits");
        let server = QuicServerConfig::try_from(server).expect("AES-128-GCM is there");
        let client = QuicClientConfig::try_from(client).expect("AES-128-GCM is there");
        (ServerConfig::with_crypto(Arc::new(server)), Arc::new(client))
    }
}

/// The first name in the peer's certificate; certificates made here hold one.
pub(crate) fn identify(connection: &quinn_proto::Connection) -> Option<NodeId> {
    let chain =
        connection.crypto_session().peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    let text: String = chain.first()?.iter().map(|&byte| char::from(byte)).collect();
    let end = text.find(".rumormill")? + ".rumormill".len();
    node_named(text.get(end.checked_sub(server_name(NodeId(0)).len())?..end)?)
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).expect("ring makes Ed25519 keys")
}
