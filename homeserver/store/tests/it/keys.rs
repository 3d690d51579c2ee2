//! Encoded keys order as the keys themselves, come back as they were, and nest as prefixes.

use hearth_store::{EncodeKey, EventNo, Key, KeyPrefix, RoomNo, StreamPos};
use proptest::prelude::*;
use std::fmt::Debug;

fn encoded<K: Key>(key: &K) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode(&mut out);
    out
}

fn orders_and_returns<K: Key + Ord + Debug>(a: &K, b: &K) {
    let (bytes_a, bytes_b) = (encoded(a), encoded(b));
    assert_eq!(a.cmp(b), bytes_a.cmp(&bytes_b), "{a:?} {b:?}");
    for (key, bytes) in [(a, &bytes_a), (b, &bytes_b)] {
        let mut rest = bytes.as_slice();
        assert_eq!(&K::decode(&mut rest).unwrap(), key);
        assert!(rest.is_empty());
    }
    if a != b {
        assert!(!bytes_a.starts_with(&bytes_b), "{b:?} begins {a:?}");
    }
}

/// Text in which the bytes that need escaping are common.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec!['\0', '\u{1}', '\u{2}', 'a', 'b', '\u{7f}', 'ä', '\u{10ffff}']),
        0..5,
    )
    .prop_map(String::from_iter)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0_u8, 1, 2, 3, 254, 255]), 0..5)
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..4_u64, any::<u64>(), Just(u64::MAX), Just(255), Just(256)]
}

proptest! {
    #[test]
    fn parts(a in text(), b in text(), c in bytes(), d in bytes(), e in number(), f in number(), g: [u8; 3], h: [u8; 3], i: bool, j: bool, k: u32, l: u32, m: u8, n: u8) {
        orders_and_returns(&a, &b);
        orders_and_returns(&c, &d);
        orders_and_returns(&e, &f);
        orders_and_returns(&RoomNo(e), &RoomNo(f));
        orders_and_returns(&g, &h);
        orders_and_returns(&i, &j);
        orders_and_returns(&k, &l);
        orders_and_returns(&m, &n);
    }

    #[test]
    fn tuples(
        a in (text(), number()), b in (text(), number()),
        c in (bytes(), text(), number()), d in (bytes(), text(), number()),
        e in (text(), text(), bytes(), number()), f in (text(), text(), bytes(), number()),
        g in (any::<bool>(), text(), any::<u8>(), bytes(), text()), h in (any::<bool>(), text(), any::<u8>(), bytes(), text()),
    ) {
        orders_and_returns(&a, &b);
        orders_and_returns(&(a.0.clone(),), &(b.0.clone(),));
        orders_and_returns(&c, &d);
        orders_and_returns(&e, &f);
        orders_and_returns(&g, &h);
    }

    #[test]
    fn prefixes_and_borrowed_forms(a in text(), b in bytes(), c in number(), d in text()) {
        type K = (String, Vec<u8>, StreamPos, String);
        let whole: K = (a.clone(), b.clone(), StreamPos(c), d.clone());
        let bytes = encoded(&whole);
        let mut borrowed = Vec::new();
        EncodeKey::<K>::encode_key(&(a.as_str(), b.as_slice(), &StreamPos(c), d.as_str()), &mut borrowed);
        prop_assert_eq!(&borrowed, &bytes);
        let prefix = |encode: &dyn Fn(&mut Vec<u8>)| { let mut out = Vec::new(); encode(&mut out); out };
        prop_assert!(prefix(&|out| KeyPrefix::<K>::encode_prefix(&(), out)).is_empty());
        prop_assert!(bytes.starts_with(&prefix(&|out| KeyPrefix::<K>::encode_prefix(&(a.as_str(),), out))));
        prop_assert!(bytes.starts_with(&prefix(&|out| KeyPrefix::<K>::encode_prefix(&(a.as_str(), &b[..]), out))));
        prop_assert!(bytes.starts_with(&prefix(&|out| KeyPrefix::<K>::encode_prefix(&(&a, &b, StreamPos(c)), out))));
    }

    #[test]
    fn whatever_bytes_come_decoding_does_not_panic(bytes: Vec<u8>) {
        let _ = String::decode(&mut bytes.as_slice());
        let _ = <(String, Vec<u8>, bool)>::decode(&mut bytes.as_slice());
        let _ = <(EventNo, [u8; 5], u32)>::decode(&mut bytes.as_slice());
    }
}
