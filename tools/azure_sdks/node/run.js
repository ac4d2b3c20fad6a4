// Every public method of Azure's Node SDKs: run.js FOLDER ABOUT, where FOLDER holds node_modules and ABOUT is JSON that
// says where the hub is. Prints {package: {version, classes: {class: {method: row}}}}.
'use strict';

const path = require('path');
const { rows } = require('./rows');
const service = require('./service');
const device = require('./device');

const NAMES = ['azure-iothub', 'azure-iot-common', 'azure-iot-device', 'azure-iot-device-mqtt', 'azure-iot-provisioning-device',
  'azure-iot-provisioning-device-http', 'azure-iot-provisioning-device-mqtt', 'azure-iot-provisioning-service', 'azure-iot-security-symmetric-key'];

async function main() {
  const [folder, text] = process.argv.slice(2);
  const libraries = Object.fromEntries(NAMES.map((name) => [name, require(path.join(folder, 'node_modules', name))]));
  const version = (name) => require(path.join(folder, 'node_modules', name, 'package.json')).version;
  const world = new service.World(libraries, JSON.parse(text));
  const [hub, devices] = [libraries['azure-iothub'], libraries['azure-iot-device']];
  world.libraries = libraries;
  world.devices = { ...devices, Mqtt: libraries['azure-iot-device-mqtt'].Mqtt };
  world.retries = libraries['azure-iot-common'];
  world.hubClient = hub.Client.fromConnectionString(world.about.service);
  await world.hubClient.open();

  // The same, over WebSocket.
  const overWebSocket = Object.create(world, {
    devices: { value: { ...world.devices, Mqtt: libraries['azure-iot-device-mqtt'].MqttWs } },
    libraries: { value: { ...libraries, 'azure-iot-provisioning-device-mqtt': { Mqtt: libraries['azure-iot-provisioning-device-mqtt'].MqttWs } } },
  });
  // A device that is provisioned over HTTPS.
  const overHttps = Object.create(world, {
    libraries: { value: { ...libraries, 'azure-iot-provisioning-device-mqtt': { Mqtt: libraries['azure-iot-provisioning-device-http'].Http } } },
  });
  const { X509Registration } = require(path.join(folder, 'node_modules/azure-iot-provisioning-device/dist/x509_registration.js'));
  const provisioning = libraries['azure-iot-provisioning-service'].ProvisioningServiceClient;
  const ofDevices = async (one) => ({
    Client: await rows(devices.Client, device.client(one)),
    ModuleClient: await rows(devices.ModuleClient, device.moduleClient(one)),
    Twin: await rows(devices.Twin, device.twin(one)),
  });
  const ofRegistration = async (one) => ({
    ProvisioningDeviceClient: {
      ...(await rows(libraries['azure-iot-provisioning-device'].ProvisioningDeviceClient, device.registration(one))),
      ...(await rows(X509Registration, device.registration(one))),
    },
  });
  const table = {
    'azure-iothub': {
      Registry: await rows(hub.Registry, service.registry(world)),
      JobClient: await rows(hub.JobClient, service.jobClient(world)),
      Client: await rows(hub.Client, service.client(world)),
      DigitalTwinClient: await rows(hub.DigitalTwinClient, service.digitalTwinClient(world)),
      Twin: await rows(hub.Twin, service.twin(world)),
    },
    'azure-iot-device': await ofDevices(world),
    'azure-iot-device (WebSocket)': await ofDevices(overWebSocket),
    'azure-iot-provisioning-device': await ofRegistration(world),
    'azure-iot-provisioning-device (WebSocket)': await ofRegistration(overWebSocket),
    'azure-iot-provisioning-device (HTTPS)': await ofRegistration(overHttps),
    'azure-iot-provisioning-service': { ProvisioningServiceClient: await rows(provisioning, device.provisioningService(world)) },
  };
  await new Promise((written) => process.stdout.write(JSON.stringify(Object.fromEntries(
    Object.entries(table).map(([name, classes]) => [`Node ${name}`, { version: version(name.split(' ')[0]), classes }]),
  )), written));
  process.exit(0); // clients that a failed call has left open hold nobody up
}

// What a library throws where nobody can catch it is its own; the call that waits for it says that nothing came.
process.on('uncaughtException', (error) => console.error(error));

main().catch((error) => { console.error(error); process.exit(1); });
