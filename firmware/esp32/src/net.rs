//! The IP stack and its buffers.

use core::net::Ipv4Addr;

use at_modem::wifi::Ipv4Config;
use embassy_net::driver::Driver;
use embassy_net::{Config, DhcpConfig, Runner, Stack, StackResources};
use esp_hal::rng::Rng;
use modem_net::{NameMemory, Net, TcpMemory, UdpMemory};
use static_cell::{ConstStaticCell, StaticCell};

use crate::chip::TIGHT;
use crate::radio;

/// Five links, a listener, and one that it refuses; without that one, it is the IP stack that refuses.
const TCP: usize = if TIGHT { 6 } else { 7 };
/// Two links and SNTP: what the RAM of ESP32-C3 has room for. A third link is refused.
const UDP: usize = if TIGHT { 2 } else { 3 };
/// DHCP, names, a ping.
const OTHERS: usize = 3;

/// The same for the network of our own access point: what the RAM of the chip has room for. A server's
/// listener is among them.
#[cfg(feature = "soft-ap")]
mod own {
    use super::TCP_IN;
    use crate::chip::TIGHT;

    pub(super) const TCP: usize = if TIGHT { 3 } else { 6 };
    pub(super) const IN: usize = if TIGHT { 1024 } else { TCP_IN };
    pub(super) const UDP: usize = if TIGHT { 1 } else { 2 };
    /// DHCP, a ping.
    pub(super) const OTHERS: usize = 2;
}

/// Stacks.
#[cfg(feature = "soft-ap")]
const STACKS: usize = 2;
#[cfg(not(feature = "soft-ap"))]
const STACKS: usize = 1;

/// Sockets of all stacks.
pub(crate) type Sockets = Net<'static, STACKS>;

/// A segment and a half: the second is on its way while the first is acknowledged. The window of the reference
/// firmware (spec: at-commands A.7) is the modem's own inbox behind it. With two networks on ESP32-C3, a segment.
const TCP_IN: usize = if TIGHT { 1536 } else { 2048 };
/// Ten times what the AT port delivers at 115,200 baud, where an acknowledgement takes 9 ms. With two networks on
/// ESP32-C3, seven times.
const TCP_OUT: usize = if TIGHT { 768 } else { 1024 };

/// The stack over an interface, and what moves its packets.
pub(crate) fn stack<D: Driver>(driver: D) -> (Stack<'static>, Runner<'static, D>) {
    static RESOURCES: StaticCell<StackResources<{ TCP + UDP + OTHERS }>> = StaticCell::new();
    embassy_net::new(
        driver,
        Config::dhcpv4(dhcp()),
        RESOURCES.init(StackResources::new()),
        seed(),
    )
}

/// The stack of our own access point, without an address yet.
#[cfg(feature = "soft-ap")]
pub(crate) fn own_stack<D: Driver>(driver: D) -> (Stack<'static>, Runner<'static, D>) {
    static RESOURCES: StaticCell<StackResources<{ own::TCP + own::UDP + own::OTHERS }>> =
        StaticCell::new();
    let resources = RESOURCES.init(StackResources::new());
    embassy_net::new(driver, Config::default(), resources, seed())
}

/// For ports and transaction numbers.
fn seed() -> u64 {
    u64::from(Rng::new().random()) << 32 | u64::from(Rng::new().random())
}

/// Asks again after 2 s and 1 s instead of 10 s and 5 s: the first request after an association is easily
/// lost, and a join has 15 s for everything.
pub(crate) fn dhcp() -> DhcpConfig {
    let mut dhcp = DhcpConfig::default();
    dhcp.retry_config.discover_timeout /= 5;
    dhcp.retry_config.initial_request_timeout /= 5;
    dhcp
}

/// The modem's sockets. To be called once.
#[inline(never)]
pub(crate) fn sockets(
    stack: Stack<'static>,
    #[cfg(feature = "soft-ap")] own: Stack<'static>,
) -> &'static Sockets {
    static TCP_MEMORY: ConstStaticCell<TcpMemory<TCP, TCP_IN, TCP_OUT>> =
        ConstStaticCell::new(TcpMemory::new());
    static UDP_MEMORY: ConstStaticCell<UdpMemory<UDP>> = ConstStaticCell::new(UdpMemory::new());
    static NAME_MEMORY: StaticCell<NameMemory> = StaticCell::new();
    static NET: StaticCell<Sockets> = StaticCell::new();
    let net = Net::new(
        stack,
        TCP_MEMORY.take(),
        UDP_MEMORY.take(),
        NAME_MEMORY.init(NameMemory::new()),
        || u16::try_from(Rng::new().random() >> 16).unwrap_or_default(),
    );
    #[cfg(feature = "soft-ap")]
    let net = {
        static TCP_MEMORY: ConstStaticCell<TcpMemory<{ own::TCP }, { own::IN }, TCP_OUT>> =
            ConstStaticCell::new(TcpMemory::new());
        static UDP_MEMORY: ConstStaticCell<UdpMemory<{ own::UDP }>> =
            ConstStaticCell::new(UdpMemory::new());
        net.beside(own, TCP_MEMORY.take(), UDP_MEMORY.take())
    };
    NET.init(net)
}

/// Moves packets of one stack, for ever.
#[embassy_executor::task(pool_size = STACKS)]
pub(crate) async fn run(mut runner: Runner<'static, radio::Driver>) -> ! {
    runner.run().await
}

/// The station's address, if it has one.
pub(crate) fn address(stack: Stack<'static>) -> Option<Ipv4Config> {
    let config = stack.config_v4()?;
    Some(Ipv4Config {
        address: config.address.address(),
        gateway: config.gateway.unwrap_or(Ipv4Addr::UNSPECIFIED),
        netmask: config.address.netmask(),
    })
}
