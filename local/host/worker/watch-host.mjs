// Runs as a thread of a worker process and ends that process when its host is gone, whatever the app's code is doing: the
// host holds the other end of a pipe, which closes with it. A process whose event loop turns has ended by itself before.
import { Socket } from 'node:net';

const HOST_PIPE_FD = 4;
const GRACE_MS = 500;

new Socket({ fd: HOST_PIPE_FD })
  .on('error', () => {})
  .on('close', () => setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS))
  .resume();
