//! The sockets that the modem gets, and their buffers.

use embassy_net::Stack;
use modem_net::{NameMemory, Net, TcpMemory, UdpMemory};
use static_cell::{ConstStaticCell, StaticCell};

use crate::entropy;

/// Five links, one that is being rejected, a listener.
const TCP: usize = 7;
/// A window of almost three segments.
const RX: usize = 4096;
const TX: usize = 2048;
/// Five links and SNTP.
const UDP: usize = 6;
/// DHCP, names, a ping.
const OTHERS: usize = 3;

/// Room that the stack must have.
pub(crate) const SOCKETS: usize = TCP + UDP + OTHERS;

/// To be called once.
pub(crate) fn sockets(stack: Stack<'static>) -> &'static Net<'static> {
    static TCP_MEMORY: ConstStaticCell<TcpMemory<TCP, TX, RX>> =
        ConstStaticCell::new(TcpMemory::new());
    static UDP_MEMORY: ConstStaticCell<UdpMemory<UDP>> = ConstStaticCell::new(UdpMemory::new());
    static NAME_MEMORY: ConstStaticCell<NameMemory> = ConstStaticCell::new(NameMemory::new());
    static NET: StaticCell<Net<'static>> = StaticCell::new();
    NET.init(Net::new(
        stack,
        TCP_MEMORY.take(),
        UDP_MEMORY.take(),
        NAME_MEMORY.take(),
        entropy::sixteen_bits,
    ))
}
