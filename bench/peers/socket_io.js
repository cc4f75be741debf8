// A node of Socket.IO with the Redis adapter. PORT is the port on 127.0.0.1, REDIS_PORT the server's.
const { createServer } = require("http");
const { Server } = require("socket.io");
const { createAdapter } = require("@socket.io/redis-adapter");
const { createClient } = require("redis");

// How long a receiver's client may take to acknowledge.
const PATIENCE_MS = 20000;

async function main() {
  const publisher = createClient({ url: `redis://127.0.0.1:${process.env.REDIS_PORT}` });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const http = createServer();
  const io = new Server(http, {
    adapter: createAdapter(publisher, subscriber),
    transports: ["websocket"],
    perMessageDeflate: false,
    serveClient: false,
  });
  io.on("connection", (socket) => {
    socket.on("tell", (room, payload) => io.to(room).emit("message", payload));
    socket.on("send", (room, payload, acknowledge) => {
      io.to(room)
        .timeout(PATIENCE_MS)
        .emitWithAck("message", payload)
        .then((answers) => acknowledge(answers.length === 1 ? "delivered" : "nobody"))
        .catch(() => acknowledge("timeout"));
    });
  });
  http.listen({ host: "127.0.0.1", port: Number(process.env.PORT), backlog: 4096 });
}

main();
