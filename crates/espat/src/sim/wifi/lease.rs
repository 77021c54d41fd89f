//! A way into a network, as something that can be lost.

use std::future::poll_fn;
use std::net::IpAddr;
use std::task::Poll;

use super::{SimWifi, State};

/// A way that packets go, while it lasts.
#[derive(Debug, Clone)]
pub struct Lease {
    wifi: SimWifi,
    way: Way,
}

/// Which interface, and how often its address was lost before.
#[derive(Debug, Clone, Copy)]
enum Way {
    Station(u64),
    OwnAp(u64),
}

impl SimWifi {
    /// The station's address as something that can be lost, or nothing without one.
    #[must_use]
    pub fn lease(&self) -> Option<Lease> {
        let state = self.state.borrow();
        state.is_up().then(|| Lease {
            wifi: self.clone(),
            way: Way::Station(state.epoch),
        })
    }

    /// The way to `remote`: a station of our own access point, or else whom the station reaches.
    #[must_use]
    pub fn lease_to(&self, remote: IpAddr) -> Option<Lease> {
        let own = {
            let state = self.state.borrow();
            is_ours(&state, remote).then_some(state.own.epoch)
        };
        match own {
            Some(epoch) => Some(self.own_lease(epoch)),
            None => self.lease(),
        }
    }

    /// The way of who comes to us, and of what is sent to someone not yet known: by the station if it
    /// has an address, else by our own access point.
    #[must_use]
    pub fn lease_anywhere(&self) -> Option<Lease> {
        let own = {
            let state = self.state.borrow();
            state.own.network.map(|_| state.own.epoch)
        };
        self.lease().or_else(|| Some(self.own_lease(own?)))
    }

    fn own_lease(&self, epoch: u64) -> Lease {
        Lease {
            wifi: self.clone(),
            way: Way::OwnAp(epoch),
        }
    }
}

impl Lease {
    /// Whether packets to `remote` go this way.
    #[must_use]
    pub fn leads_to(&self, remote: IpAddr) -> bool {
        match self.way {
            Way::Station(_) => true,
            Way::OwnAp(_) => is_ours(&self.wifi.state.borrow(), remote),
        }
    }

    /// Whether it is still there.
    #[must_use]
    pub fn holds(&self) -> bool {
        let state = self.wifi.state.borrow();
        match self.way {
            Way::Station(epoch) => state.is_up() && state.epoch == epoch,
            Way::OwnAp(epoch) => state.own.network.is_some() && state.own.epoch == epoch,
        }
    }

    /// Waits until it is lost. Dropping it loses nothing.
    pub async fn lost(&self) {
        poll_fn(|context| {
            if self.holds() {
                self.wifi.state.borrow_mut().listen(context);
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }
}

/// Whether it is in the network of our own access point.
fn is_ours(state: &State, remote: IpAddr) -> bool {
    match remote {
        IpAddr::V4(address) => state.own.contains(address),
        IpAddr::V6(_) => false,
    }
}
