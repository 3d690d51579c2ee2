//! Signing up and signing in.

use std::sync::Once;

use hearth_test_support::{Shared, Target, shared, unique_name};
use matrix_sdk::{
    Client,
    config::RequestConfig,
    encryption::{BackupDownloadStrategy, EncryptionSettings},
    ruma::api::client::{account::register, uiaa},
};

use crate::device::Device;

/// A test's hold on the shared homeserver.
pub struct House {
    server: Shared,
}

impl House {
    /// The shared homeserver, started if this is the first test that wants it.
    pub fn open() -> Self {
        show_what_the_sdk_logs();
        Self { server: shared() }
    }

    /// The server's base URL.
    pub fn url(&self) -> &str {
        &self.target().url
    }

    /// Where the server is and what signing up takes, for clients other than the SDK.
    pub fn target(&self) -> &Target {
        self.server.target()
    }

    /// Makes an account by registration token, as an app does it: ask, be told the stages, go through them.
    pub async fn sign_up(&self, name: &str) -> Device {
        let client = self.client().await;
        let (user, password) = (unique_name(name), format!("password of {name}"));
        let mut request = register::v3::Request::new();
        request.username = Some(user);
        request.password = Some(password.clone());
        request.initial_device_display_name = Some(format!("{name}'s first device"));
        for _ in 0..4 {
            let error = match client.matrix_auth().register(request.clone()).await {
                Ok(_) => return Device::new(name, client, password).await,
                Err(error) => error,
            };
            let asked = error.as_uiaa_response().unwrap_or_else(|| panic!("{name} can't sign up: {error}"));
            request.auth = Some(self.answer(asked));
        }
        panic!("{name} can't sign up: the server asks for ever more stages");
    }

    /// Signs in a further device of `first`'s user, by password.
    pub async fn log_in_again(&self, first: &Device, name: &str) -> Device {
        let client = self.client().await;
        client
            .matrix_auth()
            .login_username(first.user_id(), first.password())
            .initial_device_display_name(name)
            .send()
            .await
            .unwrap_or_else(|error| panic!("{name} can't log in: {error}"));
        Device::new(name, client, first.password().to_owned()).await
    }

    /// A client of the server that nobody is signed in with.
    pub async fn client(&self) -> Client {
        // A proxy of the environment must not stand between two ends of loopback.
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client can be made");
        Client::builder()
            .homeserver_url(self.url())
            .http_client(http)
            // A server error must be seen, not retried away.
            .request_config(RequestConfig::new().disable_retry())
            // Tests take each step themselves, to see it.
            .with_encryption_settings(EncryptionSettings {
                auto_enable_cross_signing: false,
                auto_enable_backups: false,
                backup_download_strategy: BackupDownloadStrategy::Manual,
            })
            .build()
            .await
            .expect("the SDK accepts the server's URL")
    }

    /// What answers the next stage that the server asks for.
    fn answer(&self, asked: &uiaa::UiaaInfo) -> uiaa::AuthData {
        let next =
            asked.flows.iter().find_map(|flow| flow.stages.iter().find(|stage| !asked.completed.contains(stage)));
        match next {
            Some(uiaa::AuthType::RegistrationToken) => {
                let mut stage = uiaa::RegistrationToken::new(self.target().token.clone());
                stage.session = asked.session.clone();
                uiaa::AuthData::RegistrationToken(stage)
            }
            Some(uiaa::AuthType::Dummy) => {
                let mut stage = uiaa::Dummy::new();
                stage.session = asked.session.clone();
                uiaa::AuthData::Dummy(stage)
            }
            other => panic!("signing up asks for a stage that this test doesn't know: {other:?}"),
        }
    }
}

/// Answers user-interactive authentication by the device's password.
pub fn password_auth(device: &Device, asked: &uiaa::UiaaInfo) -> uiaa::AuthData {
    let user = uiaa::MatrixUserIdentifier::new(device.user_id().to_string());
    let mut stage = uiaa::Password::new(uiaa::UserIdentifier::Matrix(user), device.password().to_owned());
    stage.session = asked.session.clone();
    uiaa::AuthData::Password(stage)
}

/// The SDK logs, and does not return, what fails in the background of a sync. `RUST_LOG` says how much to show.
fn show_what_the_sdk_logs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = tracing_subscriber::EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    });
}
