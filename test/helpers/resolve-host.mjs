// Preloaded by `--import` into processes of a test: makes one host name, given in FANFOLD_TEST_HOST, mean this machine.
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

const meant = hostname => (hostname === process.env.FANFOLD_TEST_HOST ? '127.0.0.1' : hostname);
const { lookup } = dns;
const { lookup: lookupLater } = dns.promises;
dns.lookup = (hostname, options, callback) => lookup(meant(hostname), options, callback);
dns.promises.lookup = (hostname, options) => lookupLater(meant(hostname), options);
syncBuiltinESMExports();
