//! What the phases of one run share: the server, its accounts, and what earlier phases left for later ones.

use crate::{
    account::{self, Account},
    client::{Client, Endpoint},
    options::Scale,
    process::Probe,
};
use anyhow::{Context, Result};
use std::{
    process,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::task::JoinSet;

/// Accounts in the making.
const AT_A_TIME: usize = 4;

pub struct World {
    pub endpoint: Arc<Endpoint>,
    pub scale: Scale,
    pub registration_token: Option<String>,
    /// The server's process, if it is known.
    pub probe: Option<Probe>,
    /// Made so far; taken from the front by the phases, which don't mind what an account did before.
    pub accounts: Vec<Account>,
    /// A room with history, left by a sending phase for pagination: its id and the messages in it.
    pub history: Option<(String, usize)>,
    /// Makes names that an earlier run against the same server did not use.
    tag: String,
    named: usize,
}

impl World {
    pub fn new(
        endpoint: Arc<Endpoint>,
        scale: Scale,
        registration_token: Option<String>,
        probe: Option<Probe>,
    ) -> World {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let tag = format!("{:x}-{:x}", now.as_millis(), process::id());
        World { endpoint, scale, registration_token, probe, accounts: Vec::new(), history: None, tag, named: 0 }
    }

    /// A name for an account or a message that this server has not seen.
    pub fn fresh_name(&mut self) -> String {
        self.named += 1;
        format!("load-{}-{}", self.tag, self.named)
    }

    /// Makes one account, on a connection of its own as a new client would.
    pub async fn sign_up(&mut self) -> Result<Account> {
        let name = self.fresh_name();
        account::sign_up(&self.endpoint, &name, self.registration_token.as_deref()).await
    }

    /// Sees to it that there are at least this many accounts. Several are made at a time: a password's hash takes long,
    /// and here nothing is measured.
    pub async fn need_accounts(&mut self, count: usize) -> Result<()> {
        while self.accounts.len() < count {
            let mut making = JoinSet::new();
            for _ in self.accounts.len()..count.min(self.accounts.len() + AT_A_TIME) {
                let (endpoint, name, token) =
                    (self.endpoint.clone(), self.fresh_name(), self.registration_token.clone());
                making.spawn(async move { account::sign_up(&endpoint, &name, token.as_deref()).await });
            }
            while let Some(made) = making.join_next().await {
                self.accounts.push(made??);
            }
        }
        Ok(())
    }

    /// A new client of the account at `index`.
    pub fn client(&self, index: usize) -> Result<Client> {
        let account = self.accounts.get(index).with_context(|| format!("there is no account {index}"))?;
        Client::new(&self.endpoint, Some(&account.access_token))
    }
}
