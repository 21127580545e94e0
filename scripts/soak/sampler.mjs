// A thread that looks at the process and its disk when it is told to, so that counting the rows of
// many databases holds up no question.

import { parentPort, workerData } from "node:worker_threads";
import { sample } from "./samples.mjs";

parentPort.on("message", () => parentPort.postMessage(sample(workerData)));
