// Echoes by uWebSockets.js. PORT is the port on 127.0.0.1.
const uws = require("@trufflesuite/uws-js-unofficial");

uws
  .App()
  .ws("/*", {
    compression: uws.DISABLED,
    maxPayloadLength: 1 << 20,
    // Beyond it a message to a slow client is dropped; none of the measurements comes near.
    maxBackpressure: 64 << 20,
    message: (socket, message, isBinary) => socket.send(message, isBinary),
  })
  .listen("127.0.0.1", Number(process.env.PORT), (listening) => {
    if (!listening) process.exit(1);
  });
