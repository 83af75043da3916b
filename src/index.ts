export { ERROR_CODES } from './errors/codes.js';
