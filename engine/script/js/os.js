// The module `os`: facts about the machine, as they were when the module was first used.
(function ($) {
  'use strict';
  $.loadOs = (text) => {
    const facts = $.parse(text);
    const started = Date.now() - facts.uptime * 1000;
    const tell = (value) => () => value;
    $.modules.os = {
      EOL: '\n', devNull: '/dev/null', constants: { signals: facts.signals },
      arch: tell(facts.arch), platform: tell('linux'), type: tell(facts.type), release: tell(facts.release), version: tell(facts.version),
      machine: tell(facts.machine), hostname: tell(facts.hostname), homedir: tell(facts.homedir), tmpdir: tell(facts.tmpdir),
      endianness: tell('LE'), totalmem: tell(facts.totalmem), freemem: tell(facts.freemem), loadavg: tell(facts.loadavg),
      uptime: () => (Date.now() - started) / 1000, availableParallelism: tell(facts.cpus),
      cpus: () => Array.from({ length: facts.cpus }, () => ({ model: facts.processor, speed: 0, times: { user: 0, nice: 0, sys: 0, idle: 0, irq: 0 } })),
      networkInterfaces: tell({}), userInfo: () => ({ ...facts.user }),
    };
  };
})
