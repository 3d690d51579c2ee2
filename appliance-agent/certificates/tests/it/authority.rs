//! The box's own authority, and what it signs.

use hearth_certificates::{Authority, CertificateError, Folder, Hosts, Kind, Opened, Pair, keep_local};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const NOW: u64 = 1_790_000_000_000;

fn hosts() -> Hosts {
    Hosts {
        names: vec!["hearth.local".to_owned(), "box-2.local".to_owned()],
        addresses: vec!["192.168.1.9".parse().unwrap(), "fd00::9".parse().unwrap()],
    }
}

/// Whether a client that trusts the authority takes the certificate for that name at that time.
fn is_trusted(authority: &Authority, pair: &Pair, name: &str, now_ms: u64) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let served = pair.served();
    let time = UnixTime::since_unix_epoch(Duration::from_millis(now_ms));
    let name = ServerName::try_from(name).unwrap();
    verifier.verify_server_cert(&served.cert[0], &served.cert[1..], &name, &[], time).map(drop)
}

fn open(folder: &Path, now_ms: u64) -> (Authority, Opened) {
    Authority::open(folder, now_ms).unwrap()
}

#[test]
fn made_once_kept_and_trusted() {
    let folder = TempDir::new().unwrap();
    let (authority, opened) = open(folder.path(), NOW);
    assert_eq!(opened, Opened::Made);
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("key.pem"), 0o600);
    let years = (authority.not_after_ms() - NOW) / (365 * DAY_MS);
    assert_eq!(years, 10);
    let text = authority.fingerprint_text();
    assert_eq!((text.len(), text.matches(':').count()), (95, 31));
    assert!(!format!("{authority:?}").contains("PRIVATE"));

    let (again, opened) = open(folder.path(), NOW + DAY_MS);
    assert_eq!((opened, again.fingerprint()), (Opened::Kept, authority.fingerprint()));
    let pair = again.issue(&hosts(), NOW).unwrap();
    for name in ["hearth.local", "box-2.local", "192.168.1.9", "fd00::9"] {
        // A phone's clock may be late by months, and so may the box's have been.
        for now in [NOW - 300 * DAY_MS, NOW, NOW + 399 * DAY_MS] {
            is_trusted(&again, &pair, name, now).unwrap_or_else(|error| panic!("{name}: {error}"));
            pair.check(name, now).unwrap();
        }
    }
    assert!(is_trusted(&again, &pair, "other.local", NOW).is_err());
    let details = pair.details().unwrap();
    assert!(details.not_after_ms - details.not_before_ms <= 825 * DAY_MS, "Apple's systems refuse more");
    assert_eq!(details.kind(&again), Kind::Local);
    assert!(details.issuer.starts_with("Hearth authority of the box "), "{}", details.issuer);
    assert!(!format!("{pair:?}").contains("PRIVATE"));
}

#[test]
fn who_trusts_it_lends_it_no_banks_name() {
    let folder = TempDir::new().unwrap();
    let (mut authority, _) = open(folder.path(), NOW);
    let bank = Hosts { names: vec!["bank.example".to_owned()], addresses: Vec::new() };
    assert!(
        matches!(authority.issue(&bank, NOW), Err(CertificateError::OtherName { host, .. }) if host == "bank.example")
    );
    let public = Hosts { names: Vec::new(), addresses: vec!["9.9.9.9".parse().unwrap()] };
    assert!(authority.issue(&public, NOW).is_err());

    // Somebody who has stolen the key signs anyway; clients see the constraint.
    let key = rcgen::KeyPair::from_pem(&fs::read_to_string(folder.path().join("key.pem")).unwrap()).unwrap();
    let der = CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_der(&der, key).unwrap();
    for name in ["bank.example", "9.9.9.9"] {
        let own = rcgen::KeyPair::generate().unwrap();
        let forged = rcgen::CertificateParams::new([name.to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
        let chain = format!("{}{}", forged.pem(), authority.certificate_pem());
        let forged = Pair::from_pem(&chain, &own.serialize_pem()).unwrap();
        let error = is_trusted(&authority, &forged, name, NOW).unwrap_err();
        assert!(format!("{error:?}").contains("NameConstraint"), "{error:?}");
    }

    // Only what it is told of.
    let before = authority.fingerprint();
    assert!(authority.permit("Matrix.Example.org", NOW).unwrap());
    assert!(!authority.permit("matrix.example.org", NOW).unwrap());
    assert_ne!(authority.fingerprint(), before);
    let (again, opened) = open(folder.path(), NOW);
    assert_eq!((opened, again.fingerprint()), (Opened::Kept, authority.fingerprint()));
    let own = Hosts { names: vec!["matrix.example.org".to_owned()], addresses: Vec::new() };
    let pair = again.issue(&own, NOW).unwrap();
    is_trusted(&again, &pair, "matrix.example.org", NOW).unwrap();
    assert!(again.issue(&Hosts { names: vec!["example.org".to_owned()], addresses: Vec::new() }, NOW).is_err());
}

#[test]
fn whatever_a_failing_card_made_of_it_the_box_comes_up() {
    type Damage = fn(&Path);
    let damages: [(Damage, Opened); 6] = [
        (|folder| fs::write(folder.join("key.pem"), "").unwrap(), Opened::Replaced),
        (|folder| fs::write(folder.join("certificate.pem"), [0xff; 50]).unwrap(), Opened::Replaced),
        (
            |folder| {
                let other = TempDir::new().unwrap();
                open(other.path(), NOW);
                fs::copy(other.path().join("key.pem"), folder.join("key.pem")).unwrap();
            },
            Opened::Replaced,
        ),
        (
            |folder| {
                let pair = Authority::open(folder, NOW).unwrap().0.issue(&hosts(), NOW).unwrap();
                pair.write(folder, None).unwrap();
            },
            Opened::Replaced,
        ),
        (|folder| fs::remove_file(folder.join("key.pem")).unwrap(), Opened::Made),
        // The cut came between the key and the certificate.
        (|folder| fs::remove_file(folder.join("certificate.pem")).unwrap(), Opened::Kept),
    ];
    for (number, (damage, expected)) in damages.into_iter().enumerate() {
        let folder = TempDir::new().unwrap();
        let (old, _) = open(folder.path(), NOW);
        damage(folder.path());
        let (new, opened) = open(folder.path(), NOW);
        assert_eq!(opened, expected, "{number}");
        assert_ne!(new.fingerprint(), old.fingerprint(), "{number}");
        let pair = new.issue(&hosts(), NOW).unwrap();
        is_trusted(&new, &pair, "hearth.local", NOW).unwrap();
        assert_eq!(open(folder.path(), NOW).1, Opened::Kept, "{number}");
    }
}

#[test]
fn a_new_one_after_ten_years() {
    let folder = TempDir::new().unwrap();
    let (old, _) = open(folder.path(), NOW);
    let later = old.not_after_ms() + 1;
    let (new, opened) = open(folder.path(), later);
    assert_eq!(opened, Opened::Made);
    assert_ne!(new.fingerprint(), old.fingerprint());
}

#[test]
fn signed_again_when_there_is_a_reason_and_only_then() {
    let root = TempDir::new().unwrap();
    let (mut authority, _) = open(&root.path().join("authority"), NOW);
    let folder = Folder::new(root.path().join("local"), None);
    let keep = |authority: &Authority, hosts: &Hosts, now: u64| keep_local(&folder, authority, hosts, now).unwrap();
    let (first, is_new) = keep(&authority, &hosts(), NOW);
    assert!(is_new);
    let (second, is_new) = keep(&authority, &hosts(), NOW + 200 * DAY_MS);
    assert_eq!((second.fingerprint(), is_new), (first.fingerprint(), false));
    // The order does not matter, and what the authority may not sign for is left out.
    let mut turned = hosts();
    turned.addresses.reverse();
    turned.addresses.push("9.9.9.9".parse().unwrap());
    assert!(!keep(&authority, &turned, NOW).1);

    let mut moved = hosts();
    moved.addresses[0] = "192.168.1.10".parse().unwrap();
    assert!(keep(&authority, &moved, NOW).1, "another address");
    assert!(!keep(&authority, &moved, NOW + 266 * DAY_MS).1);
    assert!(keep(&authority, &moved, NOW + 267 * DAY_MS).1, "two thirds of 400 days");
    assert!(keep(&authority, &moved, NOW - 400 * DAY_MS).1, "the clock went back before its beginning");
    keep(&authority, &moved, NOW);
    authority.permit("matrix.example.org", NOW).unwrap();
    assert!(keep(&authority, &moved, NOW).1, "the authority's own certificate is another");
    fs::write(folder.path().join("certificate.pem"), "torn").unwrap();
    assert!(keep(&authority, &moved, NOW).1, "damaged");
    fs::remove_file(folder.path().join("key.pem")).unwrap();
    assert!(keep(&authority, &moved, NOW).1, "no key");
}

#[test]
fn garbage_is_refused_with_words() {
    let folder = TempDir::new().unwrap();
    let (authority, _) = open(folder.path(), NOW);
    let (one, other) = (authority.issue(&hosts(), NOW).unwrap(), authority.issue(&hosts(), NOW).unwrap());
    let code = |certificate: &str, key: &str| Pair::from_pem(certificate, key).unwrap_err().code();
    assert_eq!(code("", one.key_pem()), "certificate_damaged");
    assert_eq!(code("hello", one.key_pem()), "certificate_damaged");
    assert_eq!(code(one.key_pem(), one.key_pem()), "certificate_damaged");
    assert_eq!(code(one.certificate_pem(), "hello"), "certificate_damaged");
    assert_eq!(code(one.certificate_pem(), one.certificate_pem()), "certificate_damaged");
    assert_eq!(code(one.certificate_pem(), other.key_pem()), "certificate_other_key");
    let blocks: Vec<_> = one.certificate_pem().split_inclusive("-----END CERTIFICATE-----\n").collect();
    let blocks: Vec<_> = if blocks.len() == 2 {
        blocks
    } else {
        one.certificate_pem().split_inclusive("-----END CERTIFICATE-----\r\n").collect()
    };
    assert_eq!(blocks.len(), 2);
    let mixed = format!("{}{}", blocks[0], other.certificate_pem());
    assert_eq!(code(&mixed, one.key_pem()), "certificate_chain_order");
    let cut = &blocks[0][..blocks[0].len() / 2];
    assert_eq!(code(cut, one.key_pem()), "certificate_damaged");
    let early = one.check("hearth.local", NOW - 366 * DAY_MS).unwrap_err();
    assert!(matches!(early, CertificateError::NotNow { expired: false, .. }));
    let late = one.check("hearth.local", NOW + 401 * DAY_MS).unwrap_err();
    assert!(matches!(late, CertificateError::NotNow { expired: true, .. }));
    assert_eq!(one.check("example.org", NOW).unwrap_err().code(), "certificate_other_name");
}
