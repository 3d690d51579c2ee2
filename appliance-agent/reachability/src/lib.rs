//! Whether the world can reach the box: DNS, addresses, routers, ports, delegation.
