//! What a check found.

use crate::Params;
use serde::Serialize;

/// The checks, by the names of the job's steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The host has an address, and it is this house's.
    Dns,
    /// The house has an address that the world can reach.
    PublicAddress,
    /// The router lets itself be asked to forward ports.
    Router,
    /// Port 80.
    #[serde(rename = "port_80")]
    Port80,
    /// Port 443.
    #[serde(rename = "port_443")]
    Port443,
    /// Port 8448.
    #[serde(rename = "port_8448")]
    Port8448,
    /// Other servers find the host by the server name.
    Delegation,
}

impl Check {
    /// As in the job's `steps`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::PublicAddress => "public_address",
            Self::Router => "router",
            Self::Port80 => "port_80",
            Self::Port443 => "port_443",
            Self::Port8448 => "port_8448",
            Self::Delegation => "delegation",
        }
    }
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Good,
    /// Works for some, or will perhaps not last.
    Warning,
    /// Does not work.
    Bad,
    /// Can't be known from inside.
    Unknown,
}

/// One result, in words for the owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Of which check.
    pub check: Check,
    /// How it is.
    pub level: Level,
    /// A name that stays the same, for translations.
    pub code: &'static str,
    /// What was found.
    pub message: String,
    /// What to do; empty where there is nothing to do.
    pub help: String,
    /// What goes into a translation.
    pub params: Params,
}

impl Finding {
    pub(crate) fn new(check: Check, level: Level, code: &'static str, message: impl Into<String>) -> Self {
        Self { check, level, code, message: message.into(), help: String::new(), params: Params::new() }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.params.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }
}
