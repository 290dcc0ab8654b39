//! Clients of quinn's own, which share no driver with the nodes.

use std::sync::Arc;

use quinn::crypto::{ClientConfig, rustls::QuicClientConfig};
use rcgen::{CertificateParams, KeyPair};
use rumormill_crypto::real::ALPN;
use rumormill_link::server_name;
use rumormill_protocol::NodeId;
use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls13_signature},
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    version::TLS13,
};

pub(crate) fn endpoint(crypto: Arc<dyn ClientConfig>) -> quinn::Endpoint {
    let mut endpoint = quinn::Endpoint::client(([127, 0, 0, 1], 0).into()).expect("a free port");
    endpoint.set_default_client_config(quinn::ClientConfig::new(crypto));
    endpoint
}

/// What a client without a certificate dials with.
pub(crate) fn nobody() -> Arc<dyn ClientConfig> {
    client(Builder::with_no_client_auth)
}

/// What a client dials with that signed its certificate itself.
pub(crate) fn impostor(node: NodeId) -> Arc<dyn ClientConfig> {
    let key = KeyPair::generate().expect("ring makes keys");
    let params = CertificateParams::new([server_name(node)]).expect("a valid name");
    let chain = vec![params.self_signed(&key).expect("valid parameters").der().clone()];
    let secret = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    client(|config| config.with_client_auth_cert(chain, secret).expect("the key fits"))
}

type Builder = rustls::ConfigBuilder<rustls::ClientConfig, rustls::client::WantsClientCert>;

fn client(finish: impl FnOnce(Builder) -> rustls::ClientConfig) -> Arc<dyn ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])
        .expect("ring speaks TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible(provider)));
    let mut config = finish(builder);
    config.alpn_protocols = vec![ALPN.to_vec()];
    Arc::new(QuicClientConfig::try_from(config).expect("AES-128-GCM is there"))
}

/// Takes any node for genuine.
#[derive(Debug)]
struct Gullible(Arc<CryptoProvider>);

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("QUIC has TLS 1.3 only".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
