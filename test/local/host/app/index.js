import './captured.js';
import './durable.js';
import './http.js';
