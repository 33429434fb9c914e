export * as captured from './captured.js';
export * as durable from './durable.js';
export * as http from './http.js';
