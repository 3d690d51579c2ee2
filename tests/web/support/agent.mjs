// The real agent on a faked machine: its own folder, its own ports, a real homeserver under it.

import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

const READY_MS = 60_000;
const program = (name) => process.env[`HEARTH_${name.toUpperCase()}`] ?? path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../../../target/release', `hearth-${name}`);

/** Ports that were free a moment ago. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => new Promise((resolve) => {
      const server = net.createServer().listen(0, '127.0.0.1', () => resolve(server));
    })),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

const SERVFAIL = 2;

/** A resolver that knows nothing and says so at once: one that is silent would be waited for in every test. */
async function resolver() {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (question, from) => {
    const answer = Buffer.from(question);
    if (answer.length < 12) return;
    // It is an answer, and what was asked for stays as it is (RFC 1035, 4.1.1).
    answer[2] |= 0x80;
    answer[3] = (answer[3] & 0xf0) | SERVFAIL;
    socket.send(answer, from.port, from.address);
  });
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  // Where an agent does not start nobody closes it.
  socket.unref();
  return socket;
}

const toml = (value) => (Array.isArray(value) ? `[${value.map(toml).join(', ')}]` : JSON.stringify(value));

/**
 * Starts an agent on a new faked machine, or again on one that `folder` holds.
 * `disks`: what could be plugged in, each `{id, model, size, contents?, folder?}`, beside the box's own card. `rescueAfter`: seconds of the homeserver's silence after
 * which the setup code lets in.
 */
export async function startAgent({ folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-web-')), disks, rescueAfter } = {}) {
  const [listen, http, https, federation, nowhere] = await freePorts(5);
  const names = await resolver();
  const at = (port) => `"127.0.0.1:${port}"`;
  const config = path.join(folder, 'agent.toml');
  // Nothing beyond this machine is asked: the certificate office is a port where nobody listens.
  fs.writeFileSync(
    config,
    `listen = ${at(listen)}\nhttp = ${at(http)}\nhttps = ${at(https)}\nfederation = ${at(federation)}\nmdns = false\n` +
      `[acme]\ndirectory = "https://127.0.0.1:${nowhere}/directory"\n[checks]\nresolver = ${at(names.address().port)}\n[network]\ndelay_s = 1\ntrial_s = 12\n` +
      (rescueAfter === undefined ? '' : `[rescue]\nafter_s = ${rescueAfter}\n`),
  );
  if (disks) {
    const all = [{ id: 'mmc-card', model: 'SD64G', size: 64e9, system: true }, ...disks];
    fs.writeFileSync(
      path.join(folder, 'machine.toml'),
      all.map((disk) => `[[disk]]\n${Object.entries(disk).map(([key, value]) => `${key} = ${toml(value)}`).join('\n')}\n`).join('\n'),
    );
  }
  const log = fs.openSync(path.join(folder, 'agent.log'), 'a');
  const child = spawn(program('agent'), ['run', '--fake', folder, '--config', config, '--homeserver', program('homeserver')], {
    stdio: ['ignore', 'pipe', log],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let code = null;
  const url = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`The agent is not ready; see ${folder}/agent.log`)), READY_MS);
    child.once('error', reject);
    void ended.then(() => reject(new Error(`The agent ended; see ${folder}/agent.log:\n${fs.readFileSync(path.join(folder, 'agent.log'), 'utf8').slice(-2000)}`)));
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      code = /with the setup code (\S.*)$/.exec(line)?.[1] ?? code;
      const ready = /^ready (\S+)/.exec(line)?.[1];
      if (ready) {
        clearTimeout(late);
        resolve(ready.replace(/\/$/, ''));
      }
    });
  });
  return {
    url,
    code,
    folder,
    /** What goes wrong from now on; without anything, nothing does. */
    faults(faults = {}) {
      const file = path.join(folder, 'faults.toml');
      fs.writeFileSync(`${file}.new`, Object.entries(faults).map(([key, value]) => `${key} = ${toml(value)}\n`).join(''));
      fs.renameSync(`${file}.new`, file);
    },
    async stop({ keep = false } = {}) {
      child.kill('SIGTERM');
      await ended;
      names.close();
      fs.closeSync(log);
      if (!keep) fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const empty = { id: 'usb-Samsung_T7', model: 'Samsung PSSD T7', size: 1_000_204_886_016 };
export const foreign = { id: 'usb-Intenso', model: 'Intenso Rainbow Line', size: 31e9, contents: ['Windows files, label HOLIDAYS, 28 GB'] };
export const third = { id: 'usb-SanDisk', model: 'SanDisk Ultra Fit', size: 64e9 };
export const second = { id: 'usb-WD', model: 'WD Elements', size: 500e9 };
