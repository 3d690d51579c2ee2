//! The account with the authority, made once and kept.

use super::{Acme, AcmeError, Plan, Progress, Settings, Step, StepState, keep, order::retried, problem};
use crate::files;
use instant_acme::{Account, AccountCredentials, NewAccount};
use serde::Deserialize;

const FILE: &str = "account.json";

/// Whether an account with this authority is there.
pub(super) fn is_kept(settings: &Settings) -> bool {
    matches!(read(settings), Ok(Some(_)))
}

/// `None` where there is none, or one of another authority; one that is unreadable counts as none, for a new one costs
/// nothing.
fn read(settings: &Settings) -> Result<Option<AccountCredentials>, AcmeError> {
    #[derive(Deserialize)]
    struct Whose {
        directory: Option<String>,
    }
    let Some(text) = files::read(&settings.folder.join(FILE))? else { return Ok(None) };
    let ours = serde_json::from_str::<Whose>(&text)
        .is_ok_and(|whose| whose.directory.as_deref() == Some(settings.directory.as_str()));
    match serde_json::from_str(&text) {
        Ok(credentials) if ours => Ok(Some(credentials)),
        Ok(_) => Ok(None),
        Err(_) => {
            tracing::warn!("the account with the certificate authority can't be read; making a new one");
            Ok(None)
        }
    }
}

/// Forgets the account, which the authority does not know any more.
pub(super) fn forget(settings: &Settings) -> Result<(), AcmeError> {
    Ok(files::remove(&settings.folder.join(FILE))?)
}

impl Acme {
    /// The account that is kept.
    pub(super) async fn known_account(&self) -> Result<Option<Account>, AcmeError> {
        let Some(credentials) = read(&self.settings)? else { return Ok(None) };
        let builder = Account::builder_with_http(Box::new(self.client.clone()));
        builder.from_credentials(credentials).await.map(Some).map_err(|error| self.client.explain(error))
    }

    /// The account that is kept, or a new one.
    pub(super) async fn account(
        &self,
        plan: &Plan,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Account, AcmeError> {
        progress(Progress::of(Step::Account, StepState::Running));
        let account = match self.known_account().await {
            Ok(Some(account)) => account,
            Ok(None) => self.new_account(plan).await?,
            Err(error) if problem::is_lost_account(&error) => self.new_account(plan).await?,
            Err(error) => return Err(error),
        };
        progress(Progress::of(Step::Account, StepState::Done));
        Ok(account)
    }

    async fn new_account(&self, plan: &Plan) -> Result<Account, AcmeError> {
        let contact = plan.email.as_ref().map(|email| format!("mailto:{email}"));
        let contacts: Vec<&str> = contact.iter().map(String::as_str).collect();
        // `plan` has refused to go on without agreement.
        let new = NewAccount { contact: &contacts, terms_of_service_agreed: true, only_return_existing: false };
        let made = retried!(Account::builder_with_http(Box::new(self.client.clone())).create(
            &new,
            self.settings.directory.clone(),
            None
        ));
        let (account, credentials) = made.map_err(|error| self.client.explain(error))?;
        let text = serde_json::to_vec(&credentials).map_err(|error| AcmeError::Answer { detail: error.to_string() })?;
        keep(&self.settings.folder, FILE, &text)?;
        Ok(account)
    }
}
