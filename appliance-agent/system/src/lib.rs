//! The machine underneath: disks, encrypted volumes, network, clock, services; real and faked.
