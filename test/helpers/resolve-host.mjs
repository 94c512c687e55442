// Preloaded by `--import` into processes of a test: makes one host name, given in FANFOLD_TEST_HOST, mean this machine.
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

const { lookup } = dns;
dns.lookup = (hostname, options, callback) =>
  lookup(hostname === process.env.FANFOLD_TEST_HOST ? '127.0.0.1' : hostname, options, callback);
syncBuiltinESMExports();
