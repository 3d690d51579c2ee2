//! Certificates: which one a client is shown, and new ones taken up while running.
//!
//! | what the client asks for | what it is shown |
//! | --- | --- |
//! | ALPN `acme-tls/1` alone | `challenge/NAME/`, or nothing; the connection ends after the handshake (RFC 8737) |
//! | a name of the public certificate, or one by which the public reaches this server | `certificate.pem` |
//! | any other name, or none | `local/certificate.pem` where there is one, else `certificate.pem` |

use rustls::{
    ServerConfig,
    client::verify_server_name,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    fmt, fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};
use tokio_rustls::TlsAcceptor;

/// The protocol of a certificate authority that wants to see who answers a name.
pub const CHALLENGE: &[u8] = b"acme-tls/1";

/// A certificate that can't be made, read or used; the words are for the owner.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

/// The certificates in use, read again on request.
pub struct Certificates {
    folder: PathBuf,
    is_public_name: Box<dyn Fn(&str) -> bool + Send + Sync>,
    current: RwLock<Arc<Current>>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificates({})", self.folder.display())
    }
}

struct Current {
    /// For the public name. Where there is none, the local one serves for all.
    public: Option<Arc<CertifiedKey>>,
    local: Option<Arc<CertifiedKey>>,
}

impl Certificates {
    /// Takes the certificates in `folder`, or makes one for `names` where there is none. `is_public_name` says by which
    /// names the public comes.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn open(
        folder: &Path,
        names: Vec<String>,
        is_public_name: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Result<Arc<Self>, TlsError> {
        if !is_there(folder) && !is_there(&folder.join("local")) {
            make(folder, names)?;
        }
        let current = RwLock::new(Arc::new(read_all(folder)?));
        let is_public_name = Box::new(is_public_name);
        Ok(Arc::new(Self { folder: folder.to_owned(), is_public_name, current }))
    }

    /// Reads the files again. New connections get the new certificates; should one be bad, the old ones stay.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn reload(&self) -> Result<(), TlsError> {
        let new = Arc::new(read_all(&self.folder)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// Accepts TLS connections with these certificates.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), CHALLENGE.to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn named(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let current = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let Current { public, local } = &*current;
        let is_public = name.is_some_and(|name| {
            (self.is_public_name)(name) || public.as_ref().is_some_and(|public| covers(public, name))
        });
        let first = if is_public { public } else { local };
        first.as_ref().or(public.as_ref()).or(local.as_ref()).cloned()
    }

    /// What answers a certificate authority that asks whether this server has that name. Read at each question: one
    /// comes perhaps every two months.
    fn challenge(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let name = name?.to_ascii_lowercase();
        // rustls takes only names of hosts here; this keeps the path inside the folder even so.
        let is_host = name.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        });
        if !is_host {
            return None;
        }
        match read_challenge(&self.folder.join("challenge").join(&name)) {
            Ok(key) => Some(Arc::new(key)),
            Err(error) => {
                tracing::warn!(name, %error, "a certificate authority asked for a name, and there was no answer");
                None
            }
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name();
        // Whoever offers other protocols beside it gets one of those, and a certificate to go with it.
        let is_challenge = hello.alpn().is_some_and(|mut offered| offered.all(|protocol| protocol == CHALLENGE));
        if is_challenge { self.challenge(name) } else { self.named(name) }
    }
}

/// Whether the certificate is good for that name.
fn covers(key: &CertifiedKey, name: &str) -> bool {
    let Some(certificate) = key.cert.first() else { return false };
    match (ParsedCertificate::try_from(certificate), ServerName::try_from(name)) {
        (Ok(certificate), Ok(name)) => verify_server_name(&certificate, &name).is_ok(),
        _ => false,
    }
}

fn is_there(folder: &Path) -> bool {
    folder.join("certificate.pem").exists()
}

fn read_all(folder: &Path) -> Result<Current, TlsError> {
    let local = folder.join("local");
    let local = if is_there(&local) { Some(Arc::new(read(&local)?)) } else { None };
    // Without any other, its absence is the error to tell.
    let public = if local.is_none() || is_there(folder) { Some(Arc::new(read(folder)?)) } else { None };
    Ok(Current { public, local })
}

/// A certificate for clients: it has to be one that they would take, with the key that belongs to it.
fn read(folder: &Path) -> Result<CertifiedKey, TlsError> {
    let (chain, private) = read_pair(folder)?;
    CertifiedKey::from_der(chain, private, &ring::default_provider())
        .map_err(|error| bad(&folder.join("certificate.pem"), &error))
}

/// A certificate that answers a challenge. Its extension is critical so that no client takes it (RFC 8737), and so rustls
/// can't compare it with its key either.
fn read_challenge(folder: &Path) -> Result<CertifiedKey, TlsError> {
    let (chain, private) = read_pair(folder)?;
    let private = ring::sign::any_supported_type(&private).map_err(|error| bad(&folder.join("key.pem"), &error))?;
    Ok(CertifiedKey::new(chain, private))
}

fn read_pair(folder: &Path) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| bad(&certificate, &error))?;
    // rustls shows the first one without looking whether there is one.
    if chain.is_empty() {
        return Err(bad(&certificate, &"it holds no certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| bad(&key, &error))?;
    Ok((chain, private))
}

fn bad(path: &Path, error: &dyn fmt::Display) -> TlsError {
    TlsError(format!(
        "{} can't be used: {error}. Put a PEM file there, or remove both files in that folder to have a new certificate made.",
        path.display()
    ))
}

/// Makes a self-signed certificate, good until the box gets one that everybody trusts.
fn make(folder: &Path, names: Vec<String>) -> Result<(), TlsError> {
    let failed =
        |error: &dyn fmt::Display| TlsError(format!("No certificate can be made in {}: {error}.", folder.display()));
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| failed(&error))?;
    fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    // The key first: a certificate without a key would look like a finished pair.
    write_secret(&folder.join("key.pem"), &made.signing_key.serialize_pem()).map_err(|error| failed(&error))?;
    write_secret(&folder.join("certificate.pem"), &made.cert.pem()).map_err(|error| failed(&error))
}

/// Writes a file that only its owner can read.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
