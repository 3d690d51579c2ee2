//! A network that is as the plan says that was set last; at the start none was.

use super::{Fake, lock};
use crate::plan_file::{self, Kept, Wired};
use crate::{Error, Interface, Network, NetworkNow, Plan, Result};
use std::path::PathBuf;

impl Network for Fake {
    fn network(&self) -> Result<NetworkNow> {
        let machine = &self.machine;
        let plan = lock(&self.in_force).clone();
        let carrier = !self.faults()?.no_network;
        let (address, gateway, dns) = match plan {
            Plan::Auto => (machine.address.clone(), machine.gateway, machine.dns.clone()),
            Plan::Static { address, gateway, dns } => (address, gateway, dns),
        };
        let addresses = if carrier { vec![address] } else { Vec::new() };
        let gateway = carrier.then_some(gateway);
        let interface = Interface {
            name: machine.interface.clone(),
            mac: Some(machine.mac.clone()),
            carrier,
            addresses: addresses.clone(),
            gateway,
        };
        Ok(NetworkNow { interfaces: vec![interface], addresses, gateway, dns: if carrier { dns } else { Vec::new() } })
    }

    fn network_plan(&self) -> Result<Plan> {
        Ok(plan_file::kept(&self.plan()).plan)
    }

    fn try_network(&self, plan: &Plan) -> Result<()> {
        plan.check()?;
        if self.faults()?.network_fails {
            return Err(Error::NetworkFailed { detail: "faults.toml says so".to_owned() });
        }
        *lock(&self.tried) = Some(plan.clone());
        *lock(&self.in_force) = plan.clone();
        self.note("the network is set");
        Ok(())
    }

    fn keep_network(&self) -> Result<()> {
        let mut tried = lock(&self.tried);
        let Some(plan) = tried.as_ref() else { return Ok(()) };
        self.faults()?.may_write(&self.plan())?;
        let interface = Wired { name: self.machine.interface.clone(), mac: Some(self.machine.mac.clone()) };
        plan_file::write(&self.plan(), &Kept { plan: plan.clone(), interface: Some(interface) })?;
        *tried = None;
        Ok(())
    }

    fn revert_network(&self) -> Result<()> {
        if self.faults()?.network_fails {
            return Err(Error::NetworkFailed { detail: "faults.toml says so".to_owned() });
        }
        *lock(&self.in_force) = self.network_plan()?;
        *lock(&self.tried) = None;
        Ok(())
    }
}

impl Fake {
    fn plan(&self) -> PathBuf {
        self.paths.etc.join("network/plan.toml")
    }
}
