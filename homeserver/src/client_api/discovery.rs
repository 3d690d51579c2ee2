//! What this server is and can do.

use crate::{
    http::{Anyone, App, Caller, Error, Routes as _},
    rooms::versions,
};
use axum::Router;
use ruma::api::client::discovery::{
    discover_homeserver::{self, HomeserverInfo},
    discover_support,
    get_capabilities::{
        self,
        v3::{
            Capabilities, ChangePasswordCapability, GetLoginTokenCapability, ProfileFieldsCapability,
            RoomVersionStability, RoomVersionsCapability, ThirdPartyIdChangesCapability,
        },
    },
    get_supported_versions,
};
use std::sync::Arc;

/// Versions of the client-server API whose endpoints this server has, as far as it has their chapter.
const VERSIONS: [&str; 20] = [
    "r0.6.1", "v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11", "v1.12",
    "v1.13", "v1.14", "v1.15", "v1.16", "v1.17", "v1.18", "v1.19",
];

/// Features under the names that they had before a version took them up; clients still ask for these.
const FEATURES: [&str; 4] =
    ["org.matrix.e2e_cross_signing", "org.matrix.msc3882", "uk.tcpip.msc4133", "uk.tcpip.msc4133.stable"];

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .endpoint(get_supported_versions)
        .endpoint(discover_homeserver)
        .endpoint(discover_support)
        .endpoint(get_capabilities)
}

/// `GET /_matrix/client/versions`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientversions>
pub async fn get_supported_versions(
    _app: Arc<App>,
    _caller: Option<Caller>,
    _request: get_supported_versions::Request,
) -> Result<get_supported_versions::Response, Error> {
    let mut response = get_supported_versions::Response::new(VERSIONS.map(str::to_owned).to_vec());
    response.unstable_features = FEATURES.iter().map(|feature| ((*feature).to_owned(), true)).collect();
    Ok(response)
}

/// `GET /.well-known/matrix/client`
/// <https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixclient>
pub async fn discover_homeserver(
    app: Arc<App>,
    _caller: Anyone,
    _request: discover_homeserver::Request,
) -> Result<discover_homeserver::Response, Error> {
    match &app.config.base_url {
        Some(url) => Ok(discover_homeserver::Response::new(HomeserverInfo::new(url.clone()))),
        None => Err(Error::not_found("This server was not told by what address clients reach it.")),
    }
}

/// `GET /.well-known/matrix/support`
/// <https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixsupport>
pub async fn discover_support(
    _app: Arc<App>,
    _caller: Anyone,
    _request: discover_support::Request,
) -> Result<discover_support::Response, Error> {
    Err(Error::not_found("Nobody is named to ask about this server."))
}

/// `GET /_matrix/client/v3/capabilities`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3capabilities>
pub async fn get_capabilities(
    app: Arc<App>,
    _caller: Caller,
    _request: get_capabilities::v3::Request,
) -> Result<get_capabilities::v3::Response, Error> {
    let mut capabilities = Capabilities::new();
    capabilities.change_password = ChangePasswordCapability::new(true);
    let available = versions::SUPPORTED.into_iter().map(|version| (version, RoomVersionStability::Stable)).collect();
    capabilities.room_versions = RoomVersionsCapability::new(app.config.default_room_version.clone(), available);
    capabilities.get_login_token = GetLoginTokenCapability::new(true);
    capabilities.profile_fields = Some(ProfileFieldsCapability::new(true));
    capabilities.thirdparty_id_changes = ThirdPartyIdChangesCapability::new(app.settings.now().mail.is_some());
    Ok(get_capabilities::v3::Response::new(capabilities))
}
