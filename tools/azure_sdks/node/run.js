// Every public method of Azure's Node SDKs: run.js FOLDER ABOUT, where FOLDER holds node_modules and ABOUT is JSON that
// says where the hub is. Prints {package: {version, classes: {class: {method: row}}}}.
'use strict';

const path = require('path');
const { rows } = require('./rows');
const service = require('./service');
const device = require('./device');

const NAMES = ['azure-iothub', 'azure-iot-common', 'azure-iot-device', 'azure-iot-device-mqtt', 'azure-iot-provisioning-device',
  'azure-iot-provisioning-device-mqtt', 'azure-iot-provisioning-service', 'azure-iot-security-symmetric-key'];

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

  const registration = device.registration(world);
  const { X509Registration } = require(path.join(folder, 'node_modules/azure-iot-provisioning-device/dist/x509_registration.js'));
  const provisioning = libraries['azure-iot-provisioning-service'].ProvisioningServiceClient;
  const table = {
    'azure-iothub': {
      Registry: await rows(hub.Registry, service.registry(world)),
      JobClient: await rows(hub.JobClient, service.jobClient(world)),
      Client: await rows(hub.Client, service.client(world)),
      DigitalTwinClient: await rows(hub.DigitalTwinClient, service.digitalTwinClient(world)),
      Twin: await rows(hub.Twin, service.twin(world)),
    },
    'azure-iot-device': {
      Client: await rows(devices.Client, device.client(world)),
      ModuleClient: await rows(devices.ModuleClient, device.moduleClient(world)),
      Twin: await rows(devices.Twin, device.twin(world)),
    },
    'azure-iot-provisioning-device': {
      ProvisioningDeviceClient: {
        ...(await rows(libraries['azure-iot-provisioning-device'].ProvisioningDeviceClient, registration)),
        ...(await rows(X509Registration, registration)),
      },
    },
    'azure-iot-provisioning-service': { ProvisioningServiceClient: await rows(provisioning, device.provisioningService(world)) },
  };
  await new Promise((written) => process.stdout.write(JSON.stringify(Object.fromEntries(
    Object.entries(table).map(([name, classes]) => [`Node ${name}`, { version: version(name), classes }]),
  )), written));
  process.exit(0); // clients that a failed call has left open hold nobody up
}

// What a library throws where nobody can catch it is its own; the call that waits for it says that nothing came.
process.on('uncaughtException', (error) => console.error(error));

main().catch((error) => { console.error(error); process.exit(1); });
