//! An order from its beginning to the certificate, by one method after the other.

use super::{
    Acme, AcmeError, ChallengeHost, Method, Plan, Progress, Refusal, Step, StepState, account, pending, problem,
};
use crate::{CertificateError, Pair, authority::making};
use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Identifier, KeyAuthorization, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use std::time::Duration;

type Report<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Rounds of three requests each that instant-acme makes by itself.
pub(super) const NONCE_ROUNDS: u32 = 6;

/// Asks again where a nonce was refused: nobody's fault, and a fresh one is at hand.
macro_rules! retried {
    ($call:expr) => {{
        let mut round = 1;
        loop {
            match $call.await {
                Err(error)
                    if round < $crate::acme::order::NONCE_ROUNDS && $crate::acme::problem::is_bad_nonce(&error) =>
                {
                    round += 1;
                }
                other => break other,
            }
        }
    }};
}
pub(super) use retried;

pub(super) async fn execute(
    acme: &Acme,
    plan: &Plan,
    host: &dyn ChallengeHost,
    progress: Report<'_>,
) -> Result<Pair, AcmeError> {
    acme.client.set_now(plan.now_ms);
    match with_account(acme, plan, host, progress).await {
        // An authority that has lost the account, or closed it, gets a new one; once.
        Err(error) if problem::is_lost_account(&error) && account::is_kept(&acme.settings) => {
            tracing::warn!(%error, "making a new account with the certificate authority");
            account::forget(&acme.settings)?;
            pending::clear(&acme.settings)?;
            with_account(acme, plan, host, progress).await
        }
        other => other,
    }
}

async fn with_account(
    acme: &Acme,
    plan: &Plan,
    host: &dyn ChallengeHost,
    progress: Report<'_>,
) -> Result<Pair, AcmeError> {
    let mut methods = host.methods();
    if let Some(last) = pending::method(&acme.settings) {
        methods.sort_by_key(|method| method.name() != last);
    }
    let account = acme.account(plan, progress).await?;
    let mut refusals: Vec<Refusal> = Vec::new();
    for method in methods {
        let attempt = Attempt { acme, plan, host, progress, method };
        match attempt.run(&account).await {
            Ok(pair) => {
                pending::worked(&acme.settings, method.name())?;
                return Ok(pair);
            }
            Err(AcmeError::Refused { refusals: new }) => {
                let words: Vec<_> = new.iter().map(Refusal::sentence).collect();
                progress(Progress::with(Step::Challenge, StepState::Warning, words.join("; ")));
                // What no challenge can change is not asked twice.
                let is_final = new.iter().any(|refusal| refusal.method.is_none());
                refusals.extend(new);
                if is_final {
                    break;
                }
            }
            Err(AcmeError::NoMethod) => {}
            Err(error) => return Err(error),
        }
    }
    if refusals.is_empty() { Err(AcmeError::NoMethod) } else { Err(AcmeError::Refused { refusals }) }
}

struct Attempt<'a> {
    acme: &'a Acme,
    plan: &'a Plan,
    host: &'a dyn ChallengeHost,
    progress: Report<'a>,
    method: Method,
}

/// An answer that is in place, to be taken away again.
enum Placed {
    Http(String),
    Tls(String),
}

impl Attempt<'_> {
    async fn run(&self, account: &Account) -> Result<Pair, AcmeError> {
        self.report(Step::Order, StepState::Running);
        let mut order = self.order(account).await?;
        self.report(Step::Order, StepState::Done);
        if order.state().status == OrderStatus::Pending {
            let detail = format!("{} for {}", self.method.name(), self.plan.names.join(", "));
            (self.progress)(Progress::with(Step::Challenge, StepState::Running, detail));
            let mut placed = Vec::new();
            let proven = self.prove(&mut order, &mut placed).await;
            for placed in placed {
                match placed {
                    Placed::Http(token) => self.host.remove_http(&token),
                    Placed::Tls(name) => self.host.remove_tls(&name),
                }
            }
            if let Err(error) = proven {
                // An order with a failed challenge can't be taken up again; one that was interrupted can.
                if !matches!(error, AcmeError::Unreachable { .. } | AcmeError::Trouble { .. }) {
                    pending::clear(&self.acme.settings)?;
                }
                return Err(error);
            }
        }
        self.report(Step::Challenge, StepState::Done);
        self.report(Step::Issue, StepState::Running);
        let pair = self.issue(&mut order).await?;
        pending::clear(&self.acme.settings)?;
        self.report(Step::Issue, StepState::Done);
        Ok(pair)
    }

    fn report(&self, step: Step, state: StepState) {
        (self.progress)(Progress::of(step, state));
    }

    fn explain(&self, error: instant_acme::Error) -> AcmeError {
        self.acme.client.explain(error)
    }

    /// The order that a power cut interrupted, where the authority still has it; else a new one.
    async fn order(&self, account: &Account) -> Result<Order, AcmeError> {
        let settings = &self.acme.settings;
        if let Some(pending) = pending::read(settings, &self.plan.names) {
            match retried!(account.order(pending.url.clone())) {
                Ok(mut order) => {
                    if self.can_go_on(&mut order) {
                        return Ok(order);
                    }
                    tracing::info!("the order that was under way has run out; making a new one");
                }
                Err(error) => match self.explain(error) {
                    error @ (AcmeError::Unreachable { .. } | AcmeError::Trouble { .. }) => return Err(error),
                    error => tracing::info!(%error, "the order that was under way is gone; making a new one"),
                },
            }
            pending::clear(settings)?;
        }
        let names: Vec<_> = self.plan.names.iter().cloned().map(Identifier::Dns).collect();
        let made = match self.replaced() {
            Some(replaced) => match retried!(account.new_order(&NewOrder::new(&names).replaces(replaced.clone()))) {
                // A certificate that has been replaced already, or was another authority's: an order like any other.
                Err(instant_acme::Error::Api(problem)) if is_about_replacing(&problem) => {
                    retried!(account.new_order(&NewOrder::new(&names)))
                }
                Err(instant_acme::Error::Unsupported(_)) => retried!(account.new_order(&NewOrder::new(&names))),
                // It made an order and said nothing of the replaced one.
                Err(instant_acme::Error::Other(error)) if !error.is::<AcmeError>() => {
                    retried!(account.new_order(&NewOrder::new(&names)))
                }
                other => other,
            },
            None => retried!(account.new_order(&NewOrder::new(&names))),
        };
        let order = made.map_err(|error| self.explain(error))?;
        pending::write(settings, &self.plan.names, order.url())?;
        Ok(order)
    }

    fn can_go_on(&self, order: &mut Order) -> bool {
        match order.state().status {
            OrderStatus::Pending | OrderStatus::Ready => true,
            OrderStatus::Processing | OrderStatus::Valid => pending::read_key(&self.acme.settings).is_some(),
            OrderStatus::Invalid => false,
        }
    }

    fn replaced(&self) -> Option<CertificateIdentifier<'static>> {
        let served = self.plan.replaces.as_ref()?.served();
        CertificateIdentifier::try_from(served.cert.first()?).ok().map(CertificateIdentifier::into_owned)
    }

    /// Puts the answers in place and waits until the authority has seen them.
    async fn prove(&self, order: &mut Order, placed: &mut Vec<Placed>) -> Result<(), AcmeError> {
        let mut answered: Vec<String> = Vec::new();
        let mut round = 1;
        'rounds: loop {
            let mut authorizations = order.authorizations();
            while let Some(next) = authorizations.next().await {
                let mut authorization = match next {
                    Ok(authorization) => authorization,
                    // The iterator has moved past the one that it could not fetch; a new one begins with those it has.
                    Err(error) if round < NONCE_ROUNDS && problem::is_bad_nonce(&error) => {
                        round += 1;
                        continue 'rounds;
                    }
                    Err(error) => return Err(self.explain(error)),
                };
                let name = authorization.identifier().to_string();
                match authorization.status {
                    AuthorizationStatus::Valid => continue,
                    _ if answered.contains(&name) => continue,
                    AuthorizationStatus::Pending => {}
                    _ => return Err(AcmeError::OrderExpired),
                }
                let kind = match self.method {
                    Method::Http01 => ChallengeType::Http01,
                    Method::TlsAlpn01 => ChallengeType::TlsAlpn01,
                };
                let mut challenge = authorization.challenge(kind).ok_or(AcmeError::NoMethod)?;
                let answer = challenge.key_authorization();
                match self.method {
                    Method::Http01 => {
                        placed.push(Placed::Http(challenge.token.clone()));
                        self.host.put_http(&challenge.token, answer.as_str())?;
                    }
                    Method::TlsAlpn01 => {
                        placed.push(Placed::Tls(name.clone()));
                        self.host.put_tls(&name, &challenge_certificate(&name, &answer)?)?;
                    }
                }
                retried!(challenge.set_ready()).map_err(|error| self.explain(error))?;
                answered.push(name);
            }
            break;
        }
        match retried!(order.poll_ready(&self.patience())) {
            Ok(OrderStatus::Ready | OrderStatus::Valid | OrderStatus::Processing) => Ok(()),
            Ok(_) | Err(instant_acme::Error::Api(_)) => Err(self.why_invalid(order).await),
            Err(error) => Err(self.explain(error)),
        }
    }

    /// Looks through the challenges of an order that was refused.
    async fn why_invalid(&self, order: &mut Order) -> AcmeError {
        let mut refusals = Vec::new();
        let mut authorizations = order.authorizations();
        while let Some(next) = authorizations.next().await {
            let Ok(mut authorization) = next else { continue };
            if let Err(error) = retried!(authorization.refresh()) {
                return self.explain(error);
            }
            let name = authorization.identifier().to_string();
            let failed = authorization.challenges.iter().find(|challenge| challenge.error.is_some());
            match (authorization.status, failed) {
                (AuthorizationStatus::Invalid, failed) => {
                    let error = failed.and_then(|challenge| challenge.error.as_ref());
                    refusals.push(problem::refusal(&name, self.method, error));
                }
                (AuthorizationStatus::Expired, _) => return AcmeError::OrderExpired,
                _ => {}
            }
        }
        if refusals.is_empty() { AcmeError::OrderExpired } else { AcmeError::Refused { refusals } }
    }

    /// Makes the key, asks for the signature, and fetches the certificate.
    async fn issue(&self, order: &mut Order) -> Result<Pair, AcmeError> {
        let settings = &self.acme.settings;
        let is_asked = matches!(order.state().status, OrderStatus::Processing | OrderStatus::Valid);
        let key_pem = match pending::read_key(settings).filter(|_| is_asked) {
            Some(key) => key,
            None => {
                let key = KeyPair::generate().map_err(making)?;
                let pem = key.serialize_pem();
                // Before the request: the certificate is of no use without it.
                pending::write_key(settings, &pem)?;
                let mut params = CertificateParams::new(self.plan.names.clone()).map_err(making)?;
                params.distinguished_name = DistinguishedName::new();
                let request = params.serialize_request(&key).map_err(making)?;
                let asked = retried!(order.finalize_csr(request.der()));
                asked.map_err(|error| self.explain(error))?;
                pem
            }
        };
        let certificate = retried!(order.poll_certificate(&self.patience())).map_err(|error| self.explain(error))?;
        let pair = Pair::from_pem(&certificate, &key_pem)?;
        if let Some(missing) = self.plan.names.iter().find(|name| !pair.covers(name)) {
            let names = pair.details()?.names;
            return Err(CertificateError::OtherName { host: missing.clone(), names }.into());
        }
        Ok(pair)
    }

    fn patience(&self) -> RetryPolicy {
        RetryPolicy::new()
            .initial_delay(Duration::from_millis(300))
            .backoff(1.6)
            .timeout(self.acme.settings.order_patience)
    }
}

/// Authorities word it differently; it is never about the names.
fn is_about_replacing(problem: &instant_acme::Problem) -> bool {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    kind.ends_with(":alreadyReplaced")
        || problem.detail.as_deref().is_some_and(|detail| detail.to_ascii_lowercase().contains("replace"))
}

/// The certificate that proves a name (RFC 8737, 3): self-signed, with the digest of the answer in it.
fn challenge_certificate(name: &str, answer: &KeyAuthorization) -> Result<Pair, CertificateError> {
    let key = KeyPair::generate().map_err(making)?;
    let mut params = CertificateParams::new([name.to_owned()]).map_err(making)?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(answer.digest().as_ref())];
    let certificate = params.self_signed(&key).map_err(making)?;
    Pair::of_challenge(certificate.pem(), key.serialize_pem())
}
