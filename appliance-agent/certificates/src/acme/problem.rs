//! What the authority's problem documents mean (RFC 8555, 6.7).

use super::{AcmeError, Method, Refusal, Why};
use instant_acme::{Identifier, Problem};
use std::time::Duration;

const PREFIX: &str = "urn:ietf:params:acme:error:";

fn kind(kind: Option<&str>) -> &str {
    kind.and_then(|kind| kind.strip_prefix(PREFIX)).unwrap_or_default()
}

pub(super) fn is_bad_nonce(error: &instant_acme::Error) -> bool {
    matches!(error, instant_acme::Error::Api(problem) if kind(problem.r#type.as_deref()) == "badNonce")
}

/// The server has forgotten the account, as a test's does when it starts anew.
pub(super) fn is_lost_account(error: &AcmeError) -> bool {
    matches!(error, AcmeError::Account { .. })
}

/// What a problem with a request says. `retry_after` comes from the answer's header, `now_ms` is the present.
pub(super) fn explain(problem: &Problem, retry_after: Option<Duration>, now_ms: u64) -> AcmeError {
    let detail = words(problem.detail.as_deref());
    match kind(problem.r#type.as_deref()) {
        "rateLimited" => AcmeError::RateLimited {
            retry_at_ms: retry_after
                .map(|wait| now_ms.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))),
            detail,
        },
        "badNonce" => AcmeError::BadNonce,
        "userActionRequired" => AcmeError::Terms { url: None },
        "invalidContact" | "unsupportedContact" => AcmeError::Email { detail },
        "accountDoesNotExist" | "externalAccountRequired" | "unauthorized" => AcmeError::Account { detail },
        "orderNotReady" => AcmeError::OrderExpired,
        "serverInternal" => AcmeError::Trouble { status: problem.status.unwrap_or(500) },
        _ => {
            let refusals = refusals(problem);
            if refusals.is_empty() { AcmeError::Answer { detail } } else { AcmeError::Refused { refusals } }
        }
    }
}

/// Names that a problem with a whole order complains about.
fn refusals(problem: &Problem) -> Vec<Refusal> {
    let of = |name: String, kind_of: Option<&str>, detail: Option<&str>| Refusal {
        name,
        method: None,
        why: why(kind(kind_of)),
        detail: words(detail),
    };
    if problem.subproblems.is_empty() && matches!(kind(problem.r#type.as_deref()), "rejectedIdentifier" | "caa" | "dns")
    {
        return vec![of("the name".to_owned(), problem.r#type.as_deref(), problem.detail.as_deref())];
    }
    let named = problem.subproblems.iter().filter_map(|sub| match &sub.identifier {
        Some(Identifier::Dns(name)) => Some(of(name.clone(), sub.r#type.as_deref(), sub.detail.as_deref())),
        _ => None,
    });
    named.collect()
}

/// What a problem with one challenge says.
pub(super) fn refusal(name: &str, method: Method, problem: Option<&Problem>) -> Refusal {
    let (kind_of, detail) =
        problem.map_or((None, None), |problem| (problem.r#type.as_deref(), problem.detail.as_deref()));
    let why = match why(kind(kind_of)) {
        // Pebble gives a port that nobody answers on the type of a wrong answer, and tells them apart in words alone.
        Why::Elsewhere if detail.is_some_and(|detail| detail.starts_with("Failed to connect to ")) => Why::Closed,
        why => why,
    };
    Refusal { name: name.to_owned(), method: Some(method), why, detail: words(detail) }
}

fn why(kind: &str) -> Why {
    match kind {
        "dns" => Why::Dns,
        "connection" => Why::Closed,
        "unauthorized" | "incorrectResponse" | "tls" => Why::Elsewhere,
        "caa" => Why::Caa,
        "rejectedIdentifier" | "unsupportedIdentifier" => Why::Forbidden,
        _ => Why::Other,
    }
}

/// The authority's words, of a length that fits on a page and without what would break a line of the log.
fn words(detail: Option<&str>) -> String {
    let detail = detail.unwrap_or("it gave no reason");
    detail.chars().filter(|character| !character.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: &str) -> Problem {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn asked_too_often_says_when_to_ask_again() {
        let limited = problem(r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates"}"#);
        let error = explain(&limited, Some(Duration::from_secs(3600)), 5000);
        assert_eq!((error.code(), error.retry_at_ms()), ("acme_rate_limited", Some(3_605_000)));
        assert_eq!(error.to_string(), "The certificate authority was asked too often: too many certificates.");
        assert_eq!(explain(&limited, None, 5000).retry_at_ms(), None);
    }

    #[test]
    fn each_kind_has_its_code() {
        for (kind, code) in [
            ("badNonce", "acme_bad_nonce"),
            ("userActionRequired", "acme_terms"),
            ("invalidContact", "acme_email"),
            ("accountDoesNotExist", "acme_account"),
            ("orderNotReady", "acme_order_expired"),
            ("serverInternal", "acme_trouble"),
            ("rejectedIdentifier", "acme_refused"),
            ("caa", "acme_refused"),
            ("malformed", "acme_answer"),
            ("neverHeardOf", "acme_answer"),
        ] {
            let error = explain(&problem(&format!(r#"{{"type":"urn:ietf:params:acme:error:{kind}"}}"#)), None, 0);
            assert_eq!(error.code(), code, "{kind}");
            assert!(!error.help().is_empty());
        }
    }

    #[test]
    fn a_failed_challenge_says_where_to_look() {
        for (kind, expected) in [
            ("dns", Why::Dns),
            ("connection", Why::Closed),
            ("unauthorized", Why::Elsewhere),
            ("tls", Why::Elsewhere),
            ("caa", Why::Caa),
            ("rejectedIdentifier", Why::Forbidden),
            ("serverInternal", Why::Other),
        ] {
            let problem = problem(&format!(r#"{{"type":"urn:ietf:params:acme:error:{kind}","detail":"why"}}"#));
            let refusal = refusal("a.org", Method::Http01, Some(&problem));
            assert_eq!((refusal.why, refusal.detail.as_str()), (expected, "why"));
            let error = AcmeError::Refused { refusals: vec![refusal] };
            assert!(error.to_string().contains("a.org") && !error.help().is_empty());
        }
        assert_eq!(refusal("a.org", Method::Http01, None).why, Why::Other);
    }

    #[test]
    fn a_rejected_order_names_what_is_wrong() {
        let error = explain(
            &problem(
                r#"{"type":"urn:ietf:params:acme:error:malformed","subproblems":[
                    {"type":"urn:ietf:params:acme:error:rejectedIdentifier","detail":"no","identifier":{"type":"dns","value":"a.org"}},
                    {"type":"urn:ietf:params:acme:error:caa","detail":"no","identifier":{"type":"dns","value":"b.org"}}]}"#,
            ),
            None,
            0,
        );
        assert_eq!(
            error.to_string(),
            "The certificate authority refused: it does not sign for a.org; DNS allows only other authorities to sign for b.org (CAA)."
        );
        assert_eq!(error.params().get("name").and_then(|name| name.as_str()), Some("a.org"));
    }
}
