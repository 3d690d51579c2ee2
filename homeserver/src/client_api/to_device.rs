//! Messages from device to device.
//! <https://spec.matrix.org/v1.19/client-server-api/#send-to-device-messaging>

use super::keys::Split;
use crate::{
    e2ee::to_device::{self, Message},
    http::{App, Caller, Error, Routes as _},
};
use axum::Router;
use ruma::{api::client::to_device::send_event_to_device, to_device::DeviceIdOrAllDevices};
use std::sync::Arc;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(send_event_to_device)
}

/// `PUT /_matrix/client/v3/sendToDevice/{eventType}/{txnId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid>
pub async fn send_event_to_device(
    app: Arc<App>,
    caller: Caller,
    request: send_event_to_device::v3::Request,
) -> Result<send_event_to_device::v3::Response, Error> {
    let event_type = request.event_type.to_string();
    // What goes to other servers waits for federation, whose sender will be given it within the change below.
    let Split { local, remote: _ } = Split::new(request.messages, &app.config.server_name);
    let mut messages = Vec::new();
    for (user, of_user) in local {
        for (device, content) in of_user {
            let device = match &device {
                DeviceIdOrAllDevices::DeviceId(device) => Some(&**device),
                DeviceIdOrAllDevices::AllDevices => None,
            };
            messages.push(Message::new(&caller.user, &event_type, &user, device, content.json())?);
        }
    }
    let request = to_device::Request {
        user: caller.user.to_string(),
        device: caller.device.to_string(),
        event_type,
        txn_id: request.txn_id.to_string(),
    };
    app.store.change(move |change| to_device::send(change, &request, &messages)).await?;
    Ok(send_event_to_device::v3::Response::new())
}
